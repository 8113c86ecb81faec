"""The parts of a result file: figures with intervals, what was measured, on what, and how. Frozen data, no logic."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Mode = Literal["sketch", "text", "sketch+text"]
Quality = Literal["low", "middle", "high"]

WAYS: tuple[Mode, ...] = ("sketch", "text", "sketch+text")


class Record(BaseModel):
    """Base of the parts of a result: immutable, unknown fields refused, every number finite."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Figure(Record):
    """A figure with its 95 % interval: bootstrapped by photo, exact over photos for an Acc of 0 or 1."""

    value: float
    low: float
    high: float

    def shown(self, factor: float = 1.0, digits: int = 3, *, sign: bool = False) -> str:
        """The figure and its interval as words.

        >>> Figure(value=0.354, low=0.283, high=0.426).shown(100, 1)
        '35.4 [28.3, 42.6]'
        """
        plus = "+" if sign else ""
        value, low, high = (f"{factor * number:{plus}.{digits}f}" for number in (self.value, self.low, self.high))
        return f"{value} [{low}, {high}]"


class ModeResult(Record):
    """What one way of asking reached.

    Attributes:
        metrics: acc@1, acc@5, acc@10, mrr, median_rank.
        ranks: 1-based rank of the right picture, query by query.
    """

    metrics: dict[str, Figure]
    ranks: tuple[int, ...]


class Gain(Record):
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
        is_share = self.metric.startswith("acc@")
        difference = self.difference.shown(100 if is_share else 1, 1 if is_share else 3, sign=True)
        name, unit = (self.metric.capitalize(), " points") if is_share else (self.metric.upper(), "")
        return (
            f"{name}: sketch+text minus {self.over} alone is {difference}{unit} (p = {self.p_value:.3f}); "
            f"{self.harm:.0%} of the queries rank worse."
        )


class QueryRecord(Record):
    """Which query a rank belongs to.

    Attributes:
        id: The row's id; the photo, which intervals are resampled by.
        sketches: Names of the drawings shown.
        pool: How many pictures it was searched in.
        category: Of the photo.
        detail: How much is drawn, among the task's drawings: low, middle or high third; None without one drawing.
        agreement: How much the drawing is like the other drawings of its photo, by thirds; None where it has no others.
    """

    id: str
    sketches: tuple[str, ...]
    pool: int
    category: str | None = None
    detail: Quality | None = None
    agreement: Quality | None = None


class DataRecord(Record):
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


class SystemRecord(Record):
    """Which system was evaluated.

    Attributes:
        name: What it is called.
        kind: A model (under some rule of fusion), a baseline without learning, a Python callable, or a run file.
        version: Of the model.
        fingerprint: Of the model; names everything that changes its vectors.
        settings: What else decides its ranks: rule of fusion, balance, the user's weights, seeds, files.
        notes: What a reader must know of it.
    """

    name: str
    kind: Literal["model", "baseline", "callable", "run"]
    version: str = ""
    fingerprint: str = ""
    settings: dict[str, float | str] = Field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """Name, version and the start of the fingerprint."""
        known = [self.name, self.version, f"({self.fingerprint[:12]})" if self.fingerprint else ""]
        return " ".join(part for part in known if part)


class NoiseRecord(Record):
    """The noise that was on the queries or the pictures."""

    name: str
    severity: float
    seed: int


class Settings(Record):
    """How it was evaluated.

    Attributes:
        text_field: Field of the rows that gave the queries their words.
        noise: What was done to drawings, words or pictures; None for nothing.
        num_resamples: Of the bootstrap.
        confidence: Of the intervals.
        seed: Of the bootstrap.
    """

    text_field: Literal["text"] = "text"
    noise: NoiseRecord | None = None
    num_resamples: int
    confidence: float
    seed: int
