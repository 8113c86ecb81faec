"""The contact sheet: a query and its hits in one picture.

The first cell shows the drawing (or the example picture) and the words, the others the hits in order, each with rank,
score and file name. In: query and hits. Out: a PIL picture. Imports no model.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from stbir.errors import ImageError, InputError
from stbir.images import load_picture
from stbir.query import Hit, Query
from stbir.strokes import rasterize

CELL_PX = 220
CAPTION_PX = 44
GAP_PX = 12
MAX_COLUMNS = 4
MAX_HITS = 200
FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
PAPER = (250, 250, 248)
INK = (30, 30, 30)
FAINT = (120, 120, 120)
FRAME = (200, 60, 40)
LINE_PX = 16


def contact_sheet(query: Query, hits: Sequence[Hit], thumbnails: Mapping[str, bytes] | None = None) -> Image.Image:
    """Draw a contact sheet of the first `MAX_HITS` hits.

    Args:
        query: What was asked.
        hits: What was found, best first.
        thumbnails: JPEGs by id for hits whose file is no longer there.

    Returns:
        An RGB picture, at most four cells wide.
    """
    cells = [_query_cell(query), *(_hit_cell(hit, (thumbnails or {}).get(hit.id)) for hit in hits[:MAX_HITS])]
    columns = min(MAX_COLUMNS, len(cells))
    rows = -(-len(cells) // columns)
    width, height = CELL_PX + GAP_PX, CELL_PX + CAPTION_PX + GAP_PX
    sheet = Image.new("RGB", (columns * width + GAP_PX, rows * height + GAP_PX), PAPER)
    for position, cell in enumerate(cells):
        row, column = divmod(position, columns)
        sheet.paste(cell, (GAP_PX + column * width, GAP_PX + row * height))
    return sheet


def sheet_format(path: Path) -> str:
    """The picture format that a sheet's file name asks for, as Pillow calls it.

    Args:
        path: Where the sheet will be saved: .png, .jpg or .webp.

    Returns:
        PNG, JPEG or WEBP.

    Raises:
        InputError: The suffix names no such format.
    """
    name = FORMATS.get(path.suffix.lower())
    if name is None:
        raise InputError(f"cannot save the contact sheet as {path}: name it .png, .jpg or .webp")
    return name


def encode_sheet(sheet: Image.Image, path: Path) -> bytes:
    """Encode a sheet in the format that a file name asks for.

    Args:
        sheet: The picture.
        path: Where it will be saved: .png, .jpg or .webp.

    Returns:
        The file's bytes.

    Raises:
        InputError: The suffix names no such format, or the format cannot hold the sheet.
    """
    stream = io.BytesIO()
    try:
        sheet.save(stream, sheet_format(path))
    except (OSError, ValueError) as error:
        raise InputError(f"cannot save the contact sheet as {path}: {error}; try .png or a smaller --top") from None
    return stream.getvalue()


def _query_cell(query: Query) -> Image.Image:
    """The drawing or example picture in a coloured frame, the words below."""
    cell = Image.new("RGB", (CELL_PX, CELL_PX + CAPTION_PX), PAPER)
    words = [text for text in (query.text, f"not {query.negative}" if query.negative else None) if text]
    if query.sketch is not None:
        cell.paste(Image.fromarray(rasterize(query.sketch, CELL_PX, 3.0)).convert("RGB"), (0, 0))
    elif query.image is not None:
        _paste_centred(cell, load_picture(query.image, max_side_px=CELL_PX))
    draw = ImageDraw.Draw(cell)
    draw.rectangle((0, 0, CELL_PX - 1, CELL_PX - 1), outline=FRAME, width=3)
    if query.sketch is None and query.image is None:
        _write_lines(draw, [f"“{word}”" for word in words], top=CELL_PX // 3, max_lines=6)
    else:
        _write_lines(draw, words or ["drawing alone"], top=CELL_PX + 4, max_lines=2)
    return cell


def _hit_cell(hit: Hit, thumbnail: bytes | None) -> Image.Image:
    """A hit's picture with rank, score, parts and file name."""
    cell = Image.new("RGB", (CELL_PX, CELL_PX + CAPTION_PX), PAPER)
    draw = ImageDraw.Draw(cell)
    try:
        source = hit.path if thumbnail is None else thumbnail
        _paste_centred(cell, load_picture(source, max_side_px=CELL_PX))
    except ImageError:
        _write_lines(draw, ["the file is gone"], top=CELL_PX // 2, max_lines=1)
    parts = "  ".join(f"{name} {value:.2f}" for name, value in hit.parts.items())
    draw.text((2, CELL_PX + 4), f"{hit.rank}.  {hit.score:.3f}", font=_font(), fill=INK)
    draw.text((CELL_PX - 2, CELL_PX + 5), parts, font=_font(12), fill=FAINT, anchor="ra")
    _write_lines(draw, [hit.path.name], top=CELL_PX + 4 + LINE_PX, max_lines=1, fill=FAINT)
    return cell


def _paste_centred(cell: Image.Image, picture: Image.Image) -> None:
    scale = CELL_PX / max(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    cell.paste(picture.resize(size), ((CELL_PX - size[0]) // 2, (CELL_PX - size[1]) // 2))


def _write_lines(
    draw: ImageDraw.ImageDraw,
    paragraphs: Sequence[str],
    top: int,
    max_lines: int,
    fill: tuple[int, int, int] = INK,
) -> None:
    """Write text broken at words, cut with an ellipsis where it does not fit."""
    lines = [line for paragraph in paragraphs for line in _wrapped(draw, paragraph)]
    if len(lines) > max_lines:
        lines = [*lines[: max_lines - 1], _shortened(draw, " ".join(lines[max_lines - 1 :]))]
    for number, line in enumerate(lines):
        draw.text((4, top + number * LINE_PX), _shortened(draw, line), font=_font(), fill=fill)


def _wrapped(draw: ImageDraw.ImageDraw, text: str) -> list[str]:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if _fits(draw, longer) or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _shortened(draw: ImageDraw.ImageDraw, text: str) -> str:
    if _fits(draw, text):
        return text
    while text and not _fits(draw, text + "…"):
        text = text[:-1]
    return text + "…"


def _fits(draw: ImageDraw.ImageDraw, text: str) -> bool:
    return draw.textlength(text, font=_font()) <= CELL_PX - 8


@functools.cache
def _font(size_px: int = 14) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size_px)
