"""What is asked and what is searched: the protocols, each a function from a data set to a `Task`.

    fg-sbir  every test drawing (+ its photo's text) is one query; searched are the test photos of its category only
    stbir    one query per test photo: its text and the mean of all its drawings; searched are all test photos
    open     every test drawing + text is one query; searched are all test photos and every distractor

Figures of different protocols must never be compared. Imports no model.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from stbir.datasets import Dataset, Row
from stbir.errors import DatasetError, InputError
from stbir.evaluate.task import Question, Task

DEFAULT_SPLITS = ("test",)
DISTRACTOR_SPLIT = "gallery"

Protocol = Callable[[Dataset, Sequence[str], Sequence[str]], Task]


def fg_sbir(data: Dataset, splits: Sequence[str], distractors: Sequence[str]) -> Task:
    """Every drawing is a query among the photos of its category; distractors are not used.

    Args:
        data: The data set.
        splits: Splits that are asked.
        distractors: Ignored: the literature's protocol has none.

    Returns:
        The task.

    Source: Yu et al., Sketch Me That Shoe, CVPR 2016.
    """
    del distractors
    return _task("fg-sbir", data, splits, (), one_per_photo=False, by_category=True)


def stbir(data: Dataset, splits: Sequence[str], distractors: Sequence[str]) -> Task:
    """One query per photo, its drawings averaged, among all photos of the splits; distractors are not used.

    Args:
        data: The data set.
        splits: Splits that are asked.
        distractors: Ignored: the authors' protocol has none.

    Returns:
        The task.

    Source: the public code of the STBIR authors (300 queries, 300 photos).
    """
    del distractors
    return _task("stbir", data, splits, (), one_per_photo=True, by_category=False)


def open_gallery(data: Dataset, splits: Sequence[str], distractors: Sequence[str]) -> Task:
    """Every drawing is a query among all photos of the splits and every distractor.

    Args:
        data: The data set.
        splits: Splits that are asked.
        distractors: Further splits whose photos are searched; those the data set lacks add nothing.

    Returns:
        The task.

    Source: own.
    """
    return _task("open", data, splits, distractors, one_per_photo=False, by_category=False)


PROTOCOLS: dict[str, Protocol] = {"fg-sbir": fg_sbir, "open": open_gallery, "stbir": stbir}


def make_task(
    protocol: str,
    data: Dataset,
    *,
    splits: Sequence[str] = DEFAULT_SPLITS,
    distractors: Sequence[str] = (DISTRACTOR_SPLIT,),
) -> Task:
    """Make the task of a protocol.

    Args:
        protocol: A name in `PROTOCOLS`.
        data: The data set.
        splits: Splits that are asked.
        distractors: Further splits whose photos are searched, where the protocol has distractors.

    Returns:
        The task, with at least one query.

    Raises:
        InputError: No such protocol.
        DatasetError: The data set has no such split, or nothing in it can be asked.
    """
    if protocol not in PROTOCOLS:
        raise InputError(f"there is no protocol {protocol!r}: choose one of {', '.join(sorted(PROTOCOLS))}")
    return PROTOCOLS[protocol](data, splits, distractors)


def _task(
    protocol: str,
    data: Dataset,
    splits: Sequence[str],
    distractors: Sequence[str],
    *,
    one_per_photo: bool,
    by_category: bool,
) -> Task:
    asked = data.in_split(*splits)
    photos = [row for row in asked if row.image]
    sketched = any(row.sketches for row in photos)
    worded = any(row.text for row in photos)
    gallery = [*photos, *_others(data, splits, distractors)]
    left_out: Counter[str] = Counter()
    if len(asked) > len(photos):
        left_out["no picture"] = len(asked) - len(photos)
    questions: list[Question] = []
    for target, row in enumerate(photos):
        if sketched and not row.sketches:
            left_out["no drawing"] += 1
        elif worded and not row.text:
            left_out["no text"] += 1
        elif by_category and row.category is None:
            left_out["no category"] += 1
        else:
            everything = tuple(range(len(row.sketches)))
            shown = [everything] if one_per_photo or not sketched else [(position,) for position in everything]
            questions.extend(Question(row, target, positions, row.text) for positions in shown)
    if not questions or not (sketched or worded):
        raise DatasetError(
            f"data set {data.name}, split {', '.join(splits)}: no row has a picture and a drawing or a text to ask "
            f"with: evaluate another split ({', '.join(data.splits) or 'none are named'}) or data set"
        )
    return Task(
        protocol=protocol,
        data=data,
        gallery=tuple(gallery),
        questions=tuple(questions),
        by_category=by_category,
        splits=tuple(splits),
        distractors=tuple(distractors),
        left_out=dict(left_out),
    )


def _others(data: Dataset, splits: Sequence[str], distractors: Sequence[str]) -> list[Row]:
    wanted = set(distractors) - set(splits)
    return [row for row in data.rows if row.split is not None and row.split in wanted and row.image]
