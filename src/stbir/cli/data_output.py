"""How `stbir data` shows a report and statistics, to people and to programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from stbir.cli.output import counted, print_table, shown_bytes

if TYPE_CHECKING:
    from stbir.datasets.check import Report
    from stbir.datasets.stats import Statistics

_MAX_SHOWN_CATEGORIES = 15


def report_text(report: Report) -> str:
    """A report for people: errors, then warnings, each by kind, and the sum at the end."""
    from stbir.datasets.problems import ERROR, KINDS, WARNING

    lines = []
    for severity in (ERROR, WARNING):
        for kind, title in KINDS.items():
            found = [problem for problem in report.problems if (problem.severity, problem.kind) == (severity, kind)]
            if found:
                lines += [f"{severity.upper()}: {title} ({len(found):,})", *(f"  {problem}" for problem in found), ""]
    size = shown_bytes(report.num_bytes)
    lines.append(
        f"{report.name}: {counted(report.num_rows, 'row')}, {counted(report.num_files, 'file')} ({size}) looked at; "
        f"{counted(report.num_errors, 'error')}, {counted(report.num_warnings, 'warning')}"
    )
    return "\n".join(lines)


def report_json(report: Report) -> dict[str, Any]:
    """A report for programs."""
    return {
        "data": report.name,
        "rows": report.num_rows,
        "files": report.num_files,
        "bytes": report.num_bytes,
        "errors": report.num_errors,
        "warnings": report.num_warnings,
        "problems": [
            {
                "severity": problem.severity,
                "kind": problem.kind,
                "place": problem.place,
                "row": problem.row,
                "message": problem.message,
            }
            for problem in report.problems
        ],
    }


def print_statistics(statistics: Statistics) -> None:
    """Print the tables."""
    from stbir.datasets.problems import printable

    columns = ("split", "rows", "categories", "pictures", "drawings", "texts")
    table = [
        (printable(one.split or "-"), *(f"{getattr(one, column):,}" for column in columns[1:]))
        for one in statistics.splits
    ]
    print_table(columns, table, align_left=("split",))
    splits = [one.split or "" for one in statistics.splits]
    shown = list(statistics.categories.items())[:_MAX_SHOWN_CATEGORIES]
    num_categories = len(statistics.categories)
    click.echo(f"\n{num_categories:,} {'category' if num_categories == 1 else 'categories'}, largest first")
    print_table(
        ("category", *(printable(split or "-") for split in splits)),
        [(printable(name or "-"), *(f"{counts.get(split, 0):,}" for split in splits)) for name, counts in shown],
        align_left=("category",),
    )
    click.echo("")
    print_table(("what", "least", "median", "mean", "most"), spread_rows(statistics), align_left=("what",))
    texts, drawings = statistics.texts, statistics.drawings
    click.echo(
        f"\n{counted(texts.texts, 'text')}, {texts.different:,} different, {texts.repeated:,} used more than once; "
        f"{counted(texts.vocabulary, 'word')}, {texts.once:,} of them once"
    )
    click.echo(
        f"{drawings.looked_at:,} of {drawings.drawings:,} drawings opened ({drawings.traced:,} traced from pictures), "
        f"{statistics.pictures.looked_at:,} of {statistics.pictures.pictures:,} pictures; "
        f"{statistics.unreadable:,} cannot be opened"
    )


def spread_rows(statistics: Statistics) -> list[tuple[str, ...]]:
    """A row for each spread that there is."""
    spreads = {
        "words per text": statistics.texts.words,
        "drawings per row": statistics.drawings.per_row,
        "strokes per drawing": statistics.drawings.strokes,
        "points per drawing": statistics.drawings.points,
        "ink length in sides": statistics.drawings.ink_length,
        "share of ink at 128 px": statistics.drawings.density,
        "picture width in px": statistics.pictures.width,
        "picture height in px": statistics.pictures.height,
        "picture file in kB": statistics.pictures.kilobytes,
    }
    return [
        (name, *(f"{getattr(spread, column):,g}" for column in ("least", "median", "mean", "most")))
        for name, spread in spreads.items()
        if spread is not None
    ]
