"""What an experiment found, as one frozen record: tables and plots of figures with intervals, and what they rest on.

Every experiment has this one form, so that one renderer makes Markdown, SVG and HTML of all of them.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from stbir.evaluate.record import DataRecord, Figure, Record, SystemRecord
from stbir.evaluate.result import read_record, write_record

SCHEMA_VERSION = 1

Kind = Literal["words", "percent", "points", "share", "number", "count"]
Cell = str | float | Figure | None


class Column(Record):
    """A column of a table.

    Attributes:
        name: Its head.
        kind: How its cells are shown: `percent` and `points` are shares times 100 (points with a sign), `share` has
            three digits, `number` one.
        digits: Digits after the point instead of those.
    """

    name: str
    kind: Kind = "words"
    digits: int | None = None

    def shown(self, cell: Cell) -> str:
        """A cell as words.

        >>> Column(name="Acc@1 %", kind="percent").shown(Figure(value=0.354, low=0.283, high=0.426))
        '35.4 [28.3, 42.6]'
        """
        if cell is None:
            return "-"
        if isinstance(cell, str):
            return cell
        is_signed = self.kind == "points"
        factor = 100.0 if self.kind in ("percent", "points") else 1.0
        digits = {"share": 3, "count": 0}.get(self.kind, 1) if self.digits is None else self.digits
        if isinstance(cell, Figure):
            return cell.shown(factor, digits, sign=is_signed)
        return f"{factor * cell:{'+' if is_signed else ''},.{digits}f}"


class Table(Record):
    """A table: columns, and rows of words and figures."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()

    def words(self) -> list[list[str]]:
        """Head and rows as words."""
        head = [column.name for column in self.columns]
        return [head, *([c.shown(cell) for c, cell in zip(self.columns, row, strict=True)] for row in self.rows)]


class Series(Record):
    """One line of a plot: a figure with its interval at every place."""

    name: str
    x: tuple[float, ...]
    y: tuple[Figure, ...]


class Panel(Record):
    """One frame of a plot."""

    title: str
    series: tuple[Series, ...]


class Plot(Record):
    """Frames side by side with the same axes.

    Attributes:
        name: Of its file, without ending.
        title: Above it.
        x_label: What the x axis shows.
        y_label: What the y axis shows.
        panels: The frames.
        form: `line`: over a quantity, intervals as bands; `bars`: over names (x counts them), intervals as whiskers.
        names: For `bars` what stands at each place.
        is_percent: Whether y is a share, shown times 100.
        is_log: Whether x grows by factors.
    """

    name: str
    title: str
    x_label: str
    y_label: str
    panels: tuple[Panel, ...]
    form: Literal["line", "bars"] = "line"
    names: tuple[str, ...] = ()
    is_percent: bool = True
    is_log: bool = False


class Experiment(Record):
    """One experiment.

    Attributes:
        schema_version: Of this format.
        name: Which experiment: main, ablation, ...
        title: What it shows, in one line.
        command: The command line that repeats it.
        config: All settings, as the run used them.
        stbir_version: Which stbir measured.
        code: Hash of the code that measured.
        environment: Versions of what computes, and the machine.
        data: On what.
        systems: Of what.
        tables: Tables.
        plots: Plots.
        notes: What a reader must know.
    """

    schema_version: Literal[1] = 1
    name: str
    title: str
    command: str
    config: dict[str, Any]
    stbir_version: str
    code: str
    environment: dict[str, str] = Field(default_factory=dict)
    data: tuple[DataRecord, ...] = ()
    systems: tuple[SystemRecord, ...] = ()
    tables: tuple[Table, ...] = ()
    plots: tuple[Plot, ...] = ()
    notes: tuple[str, ...] = ()

    def write(self, path: Path) -> Path:
        """Write it as JSON; InputError where it cannot be written."""
        return write_record(self, path)

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Experiment:
        """Read what `write` wrote; InputError where it is something else."""
        return read_record(cls, path, "a result of stbir experiment")
