"""`stbir search`: find pictures by a drawing, words, an example, or all together."""

from __future__ import annotations

import json
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

QUERIES_AT_ONCE = 256

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
@click.option("--like", metavar="ID", help="An example from the gallery itself: the id of a hit.")
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
@click.option("--offset", metavar="N", default=0, type=click.IntRange(min=0), help="Go on from next_offset.")
@click.option(
    "--where",
    metavar="SQL",
    help="Only pictures that fulfil a condition over the columns of the gallery (docs/searching.md) and your own.",
)
@click.option("--copies", is_flag=True, help="Show pictures that look the same each; by default once, with a count.")
@click.option(
    "--names",
    metavar="W",
    default=0.0,
    type=click.FloatRange(0, 1),
    help="Bonus of pictures whose name or caption holds the words, such as 0.1; off by default.",
)
@click.option(
    "--queries",
    "queries_path",
    metavar="FILE.jsonl",
    type=click.Path(path_type=Path),
    help="Many queries at once: an object a line with sketch, text, image, like, not, weight; answers are JSON lines.",
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
    offset: int,
    where: str | None,
    like: str | None,
    copies: bool,
    names: float,
    queries_path: Path | None,
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
    from stbir.query_file import read_queries
    from stbir.search import Gallery, make_query
    from stbir.sheet import sheet_format

    if sheet_path is not None:
        sheet_format(sheet_path)
    if queries_path is not None:
        if any(part is not None for part in (sketch_path, text, image_path, like, negative, weights, sheet_path)):
            raise InputError("--queries takes its queries from the file: leave the parts of a query and --sheet out")
        if offset or names:
            raise InputError("--queries goes without --offset and --names: leave them out")
        queries = read_queries(queries_path)
        gallery = Gallery.open(gallery_path, model=model_path, create=False, threads=threads)
        _answer_many(gallery, queries, top=top, where=where, min_score=min_score, fold_duplicates=not copies)
        return
    query = make_query(sketch_path, text, image_path, negative, weights, like)
    gallery = Gallery.open(gallery_path, model=model_path, create=False, threads=threads)
    answer = gallery.answer(
        query, top, offset=offset, where=where, min_score=min_score, fold_duplicates=not copies, names=names
    )
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
            "like": like,
            "offset": offset,
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
        `{"query": ..., "took_ms": {"encode", "search"}, "next_offset": ..., "hits": [{"rank", "id", "path", "score",
        "parts", "num_duplicates"}]}`.
    """
    return {
        "query": query,
        "took_ms": {"encode": round(answer.encode_ms, 3), "search": round(answer.search_ms, 3)},
        "next_offset": answer.next_offset,
        "hits": [hit_as_json(hit) for hit in answer.hits],
    }


def hit_as_json(hit: Hit) -> dict[str, Any]:
    """A hit's shape in every answer."""
    return {
        "rank": hit.rank,
        "id": hit.id,
        "path": str(hit.path),
        "score": round(hit.score, 6),
        "parts": {name: round(value, 6) for name, value in hit.parts.items()},
        "num_duplicates": hit.num_duplicates,
    }


def _answer_many(gallery: Gallery, queries: Sequence[tuple[Any, Query]], **options: Any) -> None:
    """Answer queries some hundred at a time, a line for each."""
    for start in range(0, len(queries), QUERIES_AT_ONCE):
        some = queries[start : start + QUERIES_AT_ONCE]
        for (asked, _), hits in zip(some, gallery.search_many([query for _, query in some], **options), strict=True):
            click.echo(json.dumps({"query": asked, "hits": [hit_as_json(hit) for hit in hits]}))


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
