"""`stbir data check`: everything that is wrong with a data set, in one pass.

In: a tolerant reading. Out: a `Report` with one line per finding. Nothing is changed on the disk. What the files hold
is compared in `contents`; here are the rows, their texts and splits, and the names of the files.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from stbir.datasets.contents import Contents, Progress
from stbir.datasets.fields import texts_in, value_of
from stbir.datasets.manifest import Row, check_path
from stbir.datasets.notes import Notes
from stbir.datasets.problems import ERROR, KINDS, WARNING, Problem
from stbir.datasets.reading import Reading
from stbir.datasets.sources import Chosen
from stbir.datasets.tree import SKETCH_SUFFIXES, parent, suffix
from stbir.errors import InputError

MAX_TEXT_LENGTH = 2000

_HAS: dict[str, Callable[[Row], bool]] = {
    "picture": lambda row: row.image is not None,
    "drawing": lambda row: bool(row.sketches),
    "text": lambda row: bool(row.text),
}


@dataclass(frozen=True)
class Report:
    """What was found.

    Attributes:
        name: The data set.
        num_rows: Rows that could be read.
        num_files: Different files and drawings that were read.
        num_bytes: Their bytes.
        problems: The findings: errors first, by kind, in the order of the rows.
    """

    name: str
    num_rows: int
    num_files: int
    num_bytes: int
    problems: tuple[Problem, ...]

    @property
    def num_errors(self) -> int:
        """Findings that make the data set wrong."""
        return sum(problem.severity == ERROR for problem in self.problems)

    @property
    def num_warnings(self) -> int:
        """Findings that may be meant so."""
        return len(self.problems) - self.num_errors


def check(
    reading: Reading,
    *,
    is_decoded: bool = True,
    groups: Iterable[str] = (),
    threads: int | None = None,
    progress: Progress | None = None,
) -> Report:
    """Look for everything that is wrong with a data set.

    Args:
        reading: The data set, read tolerantly.
        is_decoded: Decode pictures and drawings, which finds damage, blank sheets and look-alikes. Otherwise only
            names, sizes, kinds and contents (by hash) are compared, which is several times faster.
        groups: Fields whose value may not occur in two splits, such as `virtual_class`.
        threads: Threads that read and decode; by default one per core.
        progress: Called with the number of pictures, then of drawings, done and of all.

    Returns:
        The findings.

    Raises:
        InputError: No row has one of the fields.
    """
    notes = Notes(reading)
    _names(notes)
    _lacking_rows(notes)
    _texts(notes)
    _leaking_groups(notes, groups)
    contents = Contents(notes, is_decoded=is_decoded, threads=threads or os.cpu_count() or 1, progress=progress)
    contents.check()
    _unused_files(notes, contents)
    order = {kind: number for number, kind in enumerate(KINDS)}
    problems = sorted([*reading.problems, *notes.problems], key=lambda p: (p.severity != ERROR, order[p.kind]))
    facts = [*contents.pictures.values(), *contents.drawings.values()]
    num_bytes = sum(one.num_bytes for one in facts)
    return Report(reading.name, len(reading.rows), len(facts), num_bytes, tuple(problems))


def _names(notes: Notes) -> None:
    """Names that no row may use, as archives can hold them."""
    for name, count in Counter(notes.reading.files.names()).items():
        try:
            check_path(name)
        except ValueError as error:
            notes.problems.append(Problem("outside", ERROR, "", str(error)))
        if count > 1:
            message = f"the archive holds {count} files of this name: only the last is ever read"
            notes.problems.append(Problem("duplicate", ERROR, name, message))


def _lacking_rows(notes: Notes) -> None:
    """Rows without what most of their split have, and rows without anything."""
    by_split: dict[str | None, list[int]] = defaultdict(list)
    for index, row in enumerate(notes.reading.rows):
        by_split[row.split].append(index)
        if not any(given(row) for given in _HAS.values()):
            notes.note("unpaired", ERROR, index, "the row has no picture, no drawing and no text: fill or drop it")
        if len(set(row.sketches)) < len(row.sketches):
            notes.note("duplicate", WARNING, index, "the row names a drawing twice: name each once")
    for split, members in by_split.items():
        for what, given in _HAS.items():
            lacking = [index for index in members if not given(notes.reading.rows[index])]
            if 0 < 2 * len(lacking) < len(members):
                others = f"most rows of the split {split}" if split else "most rows"
                for index in lacking:
                    notes.note("unpaired", WARNING, index, f"no {what}, while {others} have one")
    if len(by_split) > 1:
        for index in by_split.get(None, ()):
            notes.note("unpaired", WARNING, index, "no split, while other rows name theirs")


def _texts(notes: Notes) -> None:
    uses: dict[str, list[int]] = defaultdict(list)
    for index, row in enumerate(notes.reading.rows):
        for text in row.all_texts:
            uses[" ".join(text.lower().split())].append(index)
            if len(text) > MAX_TEXT_LENGTH:
                message = f"a text of {len(text):,} characters, more than {MAX_TEXT_LENGTH:,}: is it one text?"
                notes.note("over-limit", WARNING, index, message)
    for text, indices in uses.items():
        pictures = {notes.reading.rows[index].image or notes.reading.rows[index].id for index in indices}
        if len(pictures) > 1:
            message = f"{_short(text)} is the text of {len(indices)} rows{_others(notes.reading.rows, indices)}"
            notes.note("text", WARNING, indices[0], message)


def _leaking_groups(notes: Notes, fields: Iterable[str]) -> None:
    for field in fields:
        uses: dict[str, list[int]] = defaultdict(list)
        for index, row in enumerate(notes.reading.rows):
            value = value_of(row, field)
            if value is not None:
                uses[value].append(index)
        if not uses and notes.reading.rows:
            raise InputError(f"no row has the field {field!r}: name one of the rows' or attributes' fields")
        for value, indices in uses.items():
            first = notes.reading.rows[indices[0]]
            for index in indices[1:]:
                if notes.reading.rows[index].split != first.split:
                    message = f"{field} = {value!r} is in the split {first.split} too (row {first.id!r})"
                    notes.note("leakage", ERROR, index, message)


def _unused_files(notes: Notes, contents: Contents) -> None:
    if isinstance(notes.reading.files, Chosen):
        return  # the other lists beside the chosen one name them
    used = {*contents.pictures, *contents.drawings}
    for row in notes.reading.rows:
        used.update(texts_in(row.attributes))
    unused: dict[str, list[str]] = defaultdict(list)
    for name in notes.reading.files.names():
        if name not in used and suffix(name) in SKETCH_SUFFIXES - {".json", ".ndjson"}:
            unused[parent(name)].append(name)
    for folder, names in unused.items():
        message = f"{len(names):,} pictures or drawings that no row names, such as {names[0]}"
        notes.problems.append(Problem("unused", WARNING, folder or ".", message))


def _others(rows: Sequence[Row], indices: Sequence[int]) -> str:
    shown = ", ".join(repr(rows[index].id) for index in indices[1:4])
    more = len(indices) - 4
    return f": also {shown}" + (f" and {more} more" if more > 0 else "")


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}...")
