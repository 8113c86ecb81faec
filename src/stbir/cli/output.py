"""What the commands share: options that mean the same everywhere, and printing of tables and JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

GALLERY_OPTION: Callable[..., Any] = click.option(
    "--gallery",
    "-g",
    "gallery_path",
    metavar="DIR",
    required=True,
    envvar="STBIR_GALLERY",
    type=click.Path(path_type=Path),
    help="The gallery's directory; also read from STBIR_GALLERY.",
)
MODEL_OPTION: Callable[..., Any] = click.option(
    "--model",
    "model_path",
    metavar="DIR",
    envvar="STBIR_MODEL",
    type=click.Path(path_type=Path),
    help="A model bundle's directory instead of the model shipped with stbir; also read from STBIR_MODEL.",
)
THREADS_OPTION: Callable[..., Any] = click.option(
    "--threads", metavar="N", type=click.IntRange(min=1), help="Threads for encoding; every core by default."
)
JSON_OPTION: Callable[..., Any] = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document on stdout."
)


def examples(*lines: str) -> str:
    """Text for the end of a command's help.

    Args:
        lines: Command lines that work as they stand.

    Returns:
        An epilog that click does not wrap.
    """
    return "\b\nExample:\n" + "\n".join(f"  {line}" for line in lines)


def print_json(document: Any) -> None:
    """Print one JSON document on stdout, in ASCII, so that no file name and no terminal's encoding can break it."""
    click.echo(json.dumps(document, indent=2, default=str))


def print_table(
    headings: Sequence[str], rows: Sequence[Sequence[str]], *, align_left: Sequence[str] = ("path",)
) -> None:
    """Print aligned columns on stdout, the headings bold on a terminal.

    Args:
        headings: Names of the columns.
        rows: Cells, already text.
        align_left: Columns of words; numbers stand to the right.
    """
    widths = [max(len(row[column]) for row in [headings, *rows]) for column in range(len(headings))]

    def line(cells: Sequence[str]) -> str:
        padded = [
            cell.ljust(width) if heading in align_left else cell.rjust(width)
            for cell, width, heading in zip(cells, widths, headings, strict=True)
        ]
        return "  ".join(padded).rstrip()

    click.echo(click.style(line(headings), bold=True) if sys.stdout.isatty() else line(headings))
    for row in rows:
        click.echo(line(row))


def shown_path(path: Path | str) -> str:
    """A path as people want to read it: relative where it lies below the working directory, on one line.

    Args:
        path: Absolute path.

    Returns:
        The text; characters that would break the line or cannot be printed are escaped.
    """
    path = Path(path)
    here = Path.cwd()
    text = str(path.relative_to(here) if path.is_relative_to(here) else path)
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)


def shown_bytes(number: int) -> str:
    """A size in the unit that suits it, for example `3.2 MB`."""
    size = float(number)
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def counted(number: int, thing: str) -> str:
    """A number with its noun, for example `1 picture`, `1,297 pictures`."""
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"


def names(text: str) -> tuple[str, ...]:
    """Names with commas between."""
    return tuple(name.strip() for name in text.split(",") if name.strip())
