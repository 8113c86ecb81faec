"""`stbir search`: find pictures by a drawing, words, an example, or all together."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stbir.archives import is_missing
from stbir.cli.output import (
    GALLERY_OPTION,
    JSON_OPTION,
    MODEL_OPTION,
    THREADS_OPTION,
    counted,
    examples,
    print_json,
    print_table,
    shown_path,
)
from stbir.errors import InputError

if TYPE_CHECKING:
    from stbir.query import Hit, Query
    from stbir.search import Answer, Gallery


@click.command(
    epilog=examples(
        'stbir search --gallery my.gallery --sketch boot.json --text "red suede boot"',
        'stbir search --gallery my.gallery --sketch boot.png --weight sketch=0.7,text=0.3 --text "red" --top 5',
        'stbir search --gallery my.gallery --text "chair" --not "armrests" --where "width >= 800" --sheet hits.png',
    )
)
@GALLERY_OPTION
@click.option(
    "--sketch",
    "sketch_path",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="A drawing: stroke JSON, SVG, or a picture of a drawing.",
)
@click.option("--text", metavar="WORDS", help="Words that should match.")
@click.option(
    "--image",
    "image_path",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="An example picture that should be similar.",
)
@click.option(
    "--not",
    "negative",
    metavar="WORDS",
    help="Words that should not match: pictures that fit them rank lower, none is left out.",
)
@click.option(
    "--weight",
    "weights",
    metavar="PAIRS",
    help="How much each part counts, such as sketch=0.7,text=0.3; 1 each is the balance the model learned.",
)
@click.option("--top", metavar="N", default=10, show_default=True, type=click.IntRange(min=1), help="How many hits.")
@click.option("--min-score", metavar="S", type=float, help="Leave out hits below this score (-1 to 1).")
@click.option(
    "--where",
    metavar="SQL",
    help="Only pictures that fulfil a condition over id, path, root, size_bytes, mtime_ns, content_hash, width, "
    "height.",
)
@click.option(
    "--sheet",
    "sheet_path",
    metavar="FILE.png",
    type=click.Path(path_type=Path),
    help="Save a contact sheet: the query and its hits in one picture.",
)
@click.option("--open", "is_opened", is_flag=True, help="Show the contact sheet in the system's picture viewer.")
@MODEL_OPTION
@THREADS_OPTION
@JSON_OPTION
def search(
    gallery_path: Path,
    sketch_path: Path | None,
    text: str | None,
    image_path: Path | None,
    negative: str | None,
    weights: str | None,
    top: int,
    min_score: float | None,
    where: str | None,
    sheet_path: Path | None,
    is_opened: bool,
    model_path: Path | None,
    threads: int | None,
    as_json: bool,
) -> None:
    """Find pictures by a drawing, words, or both.

    Each hit has a score between -1 and 1 (higher is better) and its parts: how well the drawing alone and the words
    alone fit.
    """
    from stbir.search import Gallery, make_query
    from stbir.sheet import sheet_format

    if sheet_path is not None:
        sheet_format(sheet_path)
    query = make_query(sketch_path, text, image_path, negative, weights)
    gallery = Gallery.open(gallery_path, model=model_path, create=False, threads=threads)
    answer = gallery.answer(query, top, where=where, min_score=min_score)
    if as_json:
        asked = {
            "sketch": sketch_path and str(sketch_path),
            "text": text,
            "image": image_path and str(image_path),
            "not": negative,
            "weights": asdict(query.weights),
            "where": where,
            "min_score": min_score,
            "top": top,
        }
        print_json(answer_as_json(answer, asked))
    else:
        _print_hits(answer.hits)
    if sheet_path is not None or is_opened:
        _make_sheet(gallery, query, answer.hits, sheet_path, is_opened)


def answer_as_json(answer: Answer, query: dict[str, Any]) -> dict[str, Any]:
    """The contract's shape of an answer, the same on the command line and in the service.

    Args:
        answer: What was found.
        query: What was asked, as the user wrote it.

    Returns:
        `{"query": ..., "took_ms": {"encode", "search"}, "hits": [{"rank", "id", "path", "score", "parts"}]}`.
    """
    return {
        "query": query,
        "took_ms": {"encode": round(answer.encode_ms, 3), "search": round(answer.search_ms, 3)},
        "hits": [
            {
                "rank": hit.rank,
                "id": hit.id,
                "path": str(hit.path),
                "score": round(hit.score, 6),
                "parts": {name: round(value, 6) for name, value in hit.parts.items()},
            }
            for hit in answer.hits
        ],
    }


def _print_hits(hits: Sequence[Hit]) -> None:
    if not hits:
        click.echo("no picture fits: lower --min-score or widen --where", err=True)
        return
    parts = list(hits[0].parts)
    rows = [
        [str(hit.rank), f"{hit.score:.3f}", *(f"{hit.parts[name]:.3f}" for name in parts), shown_path(hit.path)]
        for hit in hits
    ]
    print_table(["rank", "score", *parts, "path"], rows)


def _make_sheet(gallery: Gallery, query: Query, hits: Sequence[Hit], path: Path | None, is_opened: bool) -> None:
    from stbir.atomic import write_atomically
    from stbir.sheet import MAX_HITS, contact_sheet, encode_sheet

    path = path or Path(tempfile.mkdtemp(prefix="stbir-")) / "hits.png"
    if len(hits) > MAX_HITS:
        click.echo(f"the contact sheet shows the first {MAX_HITS} of {len(hits):,} hits", err=True)
        hits = hits[:MAX_HITS]
    missing = [hit.id for hit in hits if is_missing(hit.path)]
    sheet = contact_sheet(query, hits, gallery.thumbnails(missing) if missing else {})
    try:
        write_atomically(path.absolute(), encode_sheet(sheet, path))
    except OSError as error:
        raise InputError(
            f"cannot save the contact sheet {path}: {error.strerror or error}; choose another place"
        ) from None
    click.echo(f"contact sheet with {counted(len(hits), 'hit')}: {path}", err=True)
    if is_opened:
        click.launch(str(path))
