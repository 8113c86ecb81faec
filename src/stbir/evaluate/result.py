"""What an evaluation found, as one frozen record: figures with intervals, ranks query by query, and what they rest on.

Written as JSON; `Evaluation.table` is what people read. The record holds no texts and no pictures of the data set.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from stbir.atomic import write_atomically
from stbir.errors import InputError
from stbir.evaluate.intervals import bootstrap_interval, share_interval
from stbir.evaluate.metrics import hits_at, reciprocal_ranks
from stbir.evaluate.protocols import DEFAULT_SPLITS, DISTRACTOR_SPLIT
from stbir.evaluate.record import (
    WAYS,
    DataRecord,
    Figure,
    Gain,
    Mode,
    ModeResult,
    QueryRecord,
    Record,
    Settings,
    SystemRecord,
)
from stbir.files import read_regular_file

SCHEMA_VERSION = 2
MAX_RESULT_BYTES = 512_000_000
FEW_PHOTOS = 30
ACC_AT = (1, 5, 10)

GroupBy = Literal["category", "detail", "agreement"]
R = TypeVar("R", bound=Record)


class Evaluation(Record):
    """One evaluation.

    Attributes:
        schema_version: Of this format.
        stbir_version: Which stbir measured.
        code: Hash of the code that measured.
        protocol: Which protocol.
        command: The command line that repeats it.
        settings: How.
        system: Of what.
        data: On what.
        modes: The figures by way of asking: sketch, text, sketch+text; only those that the data set allows.
        gains: What both together gain over the better one alone; empty without both.
        queries: Which query each rank belongs to.
        environment: Versions of what computes, and the machine.
    """

    schema_version: Literal[2] = 2
    stbir_version: str
    code: str
    protocol: str
    command: str
    settings: Settings
    system: SystemRecord
    data: DataRecord
    modes: dict[Mode, ModeResult]
    gains: tuple[Gain, ...] = ()
    queries: tuple[QueryRecord, ...]
    environment: dict[str, str] = Field(default_factory=dict)

    @property
    def title(self) -> str:
        """One line: data set, protocol, sizes, system, noise."""
        data, noise = self.data, self.settings.noise
        searched = f"{data.num_pictures:,} pictures" + (" by category" if self.protocol == "fg-sbir" else "")
        with_noise = f"; with {noise.name} at severity {noise.severity:g}" if noise else ""
        return (
            f"{data.name}, protocol {self.protocol}: {data.num_queries:,} queries for {data.num_photos:,} photos in "
            f"{searched}; {self.system.kind} {self.system.title}{with_noise}"
        )

    @property
    def ways(self) -> list[Mode]:
        """The ways of asking that were measured, in order."""
        return [mode for mode in WAYS if mode in self.modes]

    def ranks(self, mode: Mode) -> NDArray[np.int64]:
        """[Q], 1-based, of one way of asking."""
        return np.array(self.modes[mode].ranks, np.int64)

    def rows(self) -> list[list[str]]:
        """The figures as words: a head, then one row for each way of asking."""
        rows = [["query", *METRIC_HEADS]]
        rows += [[mode, *metric_cells(self.modes[mode].metrics)] for mode in self.ways]
        return rows

    def breakdown(self, by: GroupBy) -> list[list[str]]:
        """The figures by groups of queries, as words.

        Args:
            by: `category` of the photo; `detail`: how much is drawn; `agreement`: how much the drawing is like the
                others of its photo.

        Returns:
            A head, then a row for each group and way of asking; the head alone where nothing is known.
        """
        label = [getattr(query, by) for query in self.queries]
        order = ("low", "middle", "high") if by != "category" else sorted({name for name in label if name is not None})
        rows = [[by, "queries", "query", *METRIC_HEADS]]
        for name in order:
            chosen = np.flatnonzero([each == name for each in label])
            if not len(chosen):
                continue
            photos = [self.queries[row].id for row in chosen]
            for mode in self.ways:
                found = figures_of(self.ranks(mode)[chosen], photos, self.settings.num_resamples, self.settings.seed)
                rows.append([name, str(len(chosen)), mode, *metric_cells(found)])
        return rows

    def notes(self) -> list[str]:
        """What a reader of the figures must know."""
        chance = sum(1 / query.pool for query in self.queries) / len(self.queries)
        notes = [
            f"Brackets: {self.settings.confidence:.0%} interval, bootstrapped by photo; exact over photos where Acc is "
            f"0 or 100. Ties count as lost. Chance: Acc@1 {100 * chance:.1f} %."
        ]
        if self.data.num_photos < FEW_PHOTOS:
            notes.append(
                f"Only {self.data.num_photos} photos were asked for: with fewer than {FEW_PHOTOS} the intervals of MRR "
                "and median rank, and those of Acc between 0 and 100, are too narrow."
            )
        if self.data.text_ceiling is not None:
            ceiling = (
                f"; photos share words, so Acc@1 by words alone cannot exceed {100 * self.data.text_ceiling:.1f} %"
            )
            shared = self.data.text_ceiling < 1
            notes.append(f"Words: the rows' field `{self.settings.text_field}`{ceiling if shared else ''}.")
        notes.extend(gain.sentence() for gain in self.gains)
        notes.extend(self.system.notes)
        if self.data.left_out:
            reasons = ", ".join(f"{number} ({reason})" for reason, number in sorted(self.data.left_out.items()))
            notes.append(f"Rows of the split that gave no query: {reasons}.")
        if self.data.num_duplicates:
            notes.append(f"{self.data.num_duplicates} pictures of the gallery are copies of another one.")
        return notes

    def table(self) -> str:
        """Title, aligned figures and notes, for a terminal."""
        return "\n".join([self.title, "", *aligned(self.rows()), "", *self.notes()])

    def file_name(self, *, is_shipped: bool = False) -> str:
        """What the result is called, so that results of other systems and settings lie side by side.

        Args:
            is_shipped: Whether the system is the model shipped with stbir, whose results keep their name from version
                to version.

        Returns:
            `DATA.PROTOCOL.json` for the shipped model with default settings, else
            `DATA.PROTOCOL.SYSTEM[-FINGERPRINT][-SPLITS][-with-DISTRACTORS][-WEIGHTS][-NOISE][-seedN].json`.
        """
        changed = self._changed_settings()
        parts = [self.data.name, self.protocol]
        if changed or not is_shipped:
            fingerprint = [self.system.fingerprint[:8]] if self.system.fingerprint else []
            parts.append("-".join([self.system.name, *fingerprint, *changed]))
        return re.sub(r"[^\w.+=-]+", "_", ".".join(parts)) + ".json"

    def _changed_settings(self) -> list[str]:
        """Words for the settings that are not the defaults of `stbir evaluate`."""
        changed = []
        if self.data.splits != DEFAULT_SPLITS:
            changed.append("+".join(self.data.splits))
        if self.protocol == "open" and self.data.distractors != (DISTRACTOR_SPLIT,):
            changed.append("with-" + ("+".join(self.data.distractors) or "none"))
        weights = {name: self.system.settings.get(f"weight_{name}", 1) for name in ("sketch", "text")}
        if any(weight != 1 for weight in weights.values()):
            changed.append("+".join(f"{name}={weight:g}" for name, weight in weights.items()))
        if (noise := self.settings.noise) is not None:
            changed.append(f"{noise.name}={noise.severity:g}" + (f"-noise{noise.seed}" if noise.seed else ""))
        if self.settings.seed:
            changed.append(f"seed{self.settings.seed}")
        return changed

    def write(self, directory: Path, *, is_shipped: bool = False) -> Path:
        """Write the result into a directory, made if absent, under its `file_name`.

        Args:
            directory: Where.
            is_shipped: Whether the system is the model shipped with stbir.

        Returns:
            The file.

        Raises:
            InputError: It cannot be written.
        """
        return write_record(self, directory / self.file_name(is_shipped=is_shipped))

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Evaluation:
        """Read a result file.

        Args:
            path: What `write` wrote.

        Returns:
            The evaluation.

        Raises:
            InputError: It is none.
        """
        return read_record(cls, path, "a result of stbir evaluate")


METRIC_HEADS = ("Acc@1 %", "Acc@5 %", "Acc@10 %", "MRR", "median rank")


def figures_of(ranks: Any, photos: Sequence[str], num_resamples: int, seed: int) -> dict[str, Figure]:
    """Every figure of some ranks, with intervals.

    Args:
        ranks: [Q], 1-based.
        photos: [Q], what is resampled together.
        num_resamples: Of the bootstrap.
        seed: Of the bootstrap.

    Returns:
        acc@1, acc@5, acc@10, mrr, median_rank.
    """
    options: dict[str, Any] = {"num_resamples": num_resamples, "seed": seed}
    intervals = {f"acc@{k}": share_interval(hits_at(ranks, k), photos, **options) for k in ACC_AT}
    intervals["mrr"] = bootstrap_interval(reciprocal_ranks(ranks), photos, **options)
    intervals["median_rank"] = bootstrap_interval(ranks, photos, statistic="median", **options)
    return {name: Figure(value=each.value, low=each.low, high=each.high) for name, each in intervals.items()}


def metric_cells(metrics: dict[str, Figure]) -> list[str]:
    """The figures of `figures_of` as words, in the order of `METRIC_HEADS`."""
    shares = [metrics[f"acc@{k}"].shown(100, 1) for k in ACC_AT]
    return [*shares, metrics["mrr"].shown(1, 3), metrics["median_rank"].shown(1, 1)]


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of words as lines with aligned columns."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def write_record(record: Record, path: Path) -> Path:
    """Write a record as JSON; the directory is made if absent. Raises InputError where it cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, (record.model_dump_json(indent=1) + "\n").encode())
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}: choose another --out") from None
    return path


def read_record(kind: type[R], path: str | os.PathLike[str], what: str) -> R:
    """Read what `write_record` wrote; InputError where it is something else, which says that it is not `what`."""
    content = read_regular_file(path, MAX_RESULT_BYTES, InputError)
    try:
        return kind.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "the document"
        raise InputError(f"{os.fspath(path)} is not {what}: {where}: {first['msg']}") from None
