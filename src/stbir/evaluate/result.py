"""What an evaluation found, as one frozen record: figures with intervals, ranks query by query, and what they rest on.

Written as JSON; `Evaluation.table` is what people read. The record holds no texts and no pictures of the data set.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from stbir.atomic import write_atomically
from stbir.errors import InputError
from stbir.evaluate.protocols import DEFAULT_SPLITS, DISTRACTOR_SPLIT
from stbir.files import read_regular_file

SCHEMA_VERSION = 1
MAX_RESULT_BYTES = 512_000_000
FEW_PHOTOS = 30
MODES = ("sketch", "text", "sketch+text")
_PERCENT = ("acc@1", "acc@5", "acc@10")

Mode = Literal["sketch", "text", "sketch+text"]


class _Record(BaseModel):
    """Base of the parts of a result: immutable, unknown fields refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Figure(_Record):
    """A figure with its 95 % interval: bootstrapped by photo, exact over photos for an Acc of 0 or 1."""

    value: float
    low: float
    high: float


class ModeResult(_Record):
    """What one way of asking reached.

    Attributes:
        metrics: acc@1, acc@5, acc@10, mrr, median_rank.
        ranks: 1-based rank of the right picture, query by query.
    """

    metrics: dict[str, Figure]
    ranks: tuple[int, ...]


class Gain(_Record):
    """How much drawing and words together are better than the better of them alone, query by query.

    Attributes:
        over: The better one alone, by MRR.
        metric: acc@1 or mrr.
        difference: Together minus alone, with its interval.
        p_value: Two-sided, bootstrapped by photo.
        harm: Share of queries whose rank is worse together than with that one alone.
    """

    over: Mode
    metric: str
    difference: Figure
    p_value: float
    harm: float

    def sentence(self) -> str:
        """The gain in words."""
        is_share = self.metric in _PERCENT
        difference = _shown(self.difference, 100 if is_share else 1, 1 if is_share else 3, sign=True)
        name, unit = (self.metric.capitalize(), " points") if is_share else (self.metric.upper(), "")
        return (
            f"{name}: sketch+text minus {self.over} alone is {difference}{unit} (p = {self.p_value:.3f}); "
            f"{self.harm:.0%} of the queries rank worse."
        )


class QueryRecord(_Record):
    """Which query a rank belongs to.

    Attributes:
        id: The row's id; the photo, which intervals are resampled by.
        sketches: Names of the drawings shown.
        pool: How many pictures it was searched in.
    """

    id: str
    sketches: tuple[str, ...]
    pool: int


class DataRecord(_Record):
    """What was evaluated on.

    Attributes:
        name: The data set.
        splits: Splits that were asked.
        distractors: Splits that were only searched.
        sha256: Hash over all pictures, drawings and texts used, with ids, categories and splits, in order.
        num_pictures: Size of the gallery.
        num_queries: How many queries.
        num_photos: How many different right pictures.
        num_duplicates: Pictures whose file occurs in the gallery already; they count against the system.
        left_out: Why rows of the splits gave no query, with how many.
        text_ceiling: Best Acc@1 possible by words alone, since photos may share their words.
    """

    name: str
    splits: tuple[str, ...]
    distractors: tuple[str, ...]
    sha256: str
    num_pictures: int
    num_queries: int
    num_photos: int
    num_duplicates: int
    left_out: dict[str, int]
    text_ceiling: float | None


class ModelRecord(_Record):
    """Which model was evaluated."""

    name: str
    version: str
    fingerprint: str
    scale: dict[str, float]


class Settings(_Record):
    """How it was evaluated.

    Attributes:
        weights: The user's weights of drawing and words.
        text_field: Field of the rows that gave the queries their words.
        num_resamples: Of the bootstrap.
        confidence: Of the intervals.
        seed: Of the bootstrap; nothing else is random.
    """

    weights: dict[str, float]
    text_field: Literal["text"] = "text"
    num_resamples: int
    confidence: float
    seed: int


class Evaluation(_Record):
    """One evaluation.

    Attributes:
        schema_version: Of this format.
        stbir_version: Which stbir measured.
        protocol: Which protocol.
        command: The command line that repeats it.
        settings: How.
        model: Of what.
        data: On what.
        modes: The figures by way of asking: sketch, text, sketch+text; only those that the data set allows.
        gains: What both together gain over the better one alone; empty without both.
        queries: Which query each rank belongs to.
        environment: Versions of what computes, for the last digits.
    """

    schema_version: Literal[1] = 1
    stbir_version: str
    protocol: str
    command: str
    settings: Settings
    model: ModelRecord
    data: DataRecord
    modes: dict[Mode, ModeResult]
    gains: tuple[Gain, ...] = ()
    queries: tuple[QueryRecord, ...]
    environment: dict[str, str] = Field(default_factory=dict)

    @property
    def title(self) -> str:
        """One line: data set, protocol, sizes, model."""
        data = self.data
        searched = f"{data.num_pictures:,} pictures" + (" by category" if self.protocol == "fg-sbir" else "")
        return (
            f"{data.name}, protocol {self.protocol}: {data.num_queries:,} queries for {data.num_photos:,} photos in "
            f"{searched}; model {self.model.name} {self.model.version} ({self.model.fingerprint[:12]})"
        )

    def rows(self) -> list[list[str]]:
        """The figures as words: a head, then one row for each way of asking."""
        rows = [["query", "Acc@1 %", "Acc@5 %", "Acc@10 %", "MRR", "median rank"]]
        for mode in MODES:
            if result := self.modes.get(mode):  # type: ignore[call-overload]
                metrics = result.metrics
                cells = [_shown(metrics[name], 100, 1) for name in _PERCENT]
                rows.append([mode, *cells, _shown(metrics["mrr"], 1, 3), _shown(metrics["median_rank"], 1, 1)])
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
        if self.data.left_out:
            reasons = ", ".join(f"{number} ({reason})" for reason, number in sorted(self.data.left_out.items()))
            notes.append(f"Rows of the split that gave no query: {reasons}.")
        if self.data.num_duplicates:
            notes.append(f"{self.data.num_duplicates} pictures of the gallery are copies of another one.")
        return notes

    def table(self) -> str:
        """Title, aligned figures and notes, for a terminal."""
        rows = self.rows()
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        return "\n".join([self.title, "", *lines, "", *self.notes()])

    def file_name(self, *, is_shipped: bool = False) -> str:
        """What the result is called, so that results of other models and settings lie side by side.

        Args:
            is_shipped: Whether the model is the one shipped with stbir, whose results keep their name from version to
                version.

        Returns:
            `DATA.PROTOCOL.json` for the shipped model with default settings, else
            `DATA.PROTOCOL.MODEL-FINGERPRINT[-SPLITS][-with-DISTRACTORS][-WEIGHTS][-seedN].json`.
        """
        changed = self._changed_settings()
        parts = [self.data.name, self.protocol]
        if changed or not is_shipped:
            parts.append("-".join([self.model.name, self.model.fingerprint[:8], *changed]))
        return re.sub(r"[^\w.+=-]+", "_", ".".join(parts)) + ".json"

    def _changed_settings(self) -> list[str]:
        """Words for the settings that are not the defaults of `stbir evaluate`."""
        changed = []
        if self.data.splits != DEFAULT_SPLITS:
            changed.append("+".join(self.data.splits))
        if self.protocol == "open" and self.data.distractors != (DISTRACTOR_SPLIT,):
            changed.append("with-" + ("+".join(self.data.distractors) or "none"))
        if any(weight != 1 for weight in self.settings.weights.values()):
            changed.append("+".join(f"{name}={weight:g}" for name, weight in self.settings.weights.items()))
        if self.settings.seed:
            changed.append(f"seed{self.settings.seed}")
        return changed

    def write(self, directory: Path, *, is_shipped: bool = False) -> Path:
        """Write the result into a directory, made if absent, under its `file_name`.

        Args:
            directory: Where.
            is_shipped: Whether the model is the one shipped with stbir.

        Returns:
            The file.

        Raises:
            InputError: It cannot be written.
        """
        path = directory / self.file_name(is_shipped=is_shipped)
        try:
            directory.mkdir(parents=True, exist_ok=True)
            write_atomically(path, (self.model_dump_json(indent=1) + "\n").encode())
        except OSError as error:
            raise InputError(f"cannot write {path}: {error.strerror or error}: choose another --out") from None
        return path

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
        content = read_regular_file(path, MAX_RESULT_BYTES, InputError)
        try:
            return cls.model_validate_json(content)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"])) or "the document"
            raise InputError(f"{os.fspath(path)} is not a result of stbir evaluate: {where}: {first['msg']}") from None


def _shown(figure: Figure, factor: float, digits: int, *, sign: bool = False) -> str:
    plus = "+" if sign else ""
    value, low, high = (f"{factor * number:{plus}.{digits}f}" for number in (figure.value, figure.low, figure.high))
    return f"{value} [{low}, {high}]"
