"""From what a client sent to the parts of a query: drawings and pictures are checked, read in threads and encoded.

Everything here is hostile. Costly parts are named by a hash of their content, so that asking again with other weights
encodes nothing.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import functools
import hashlib
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from stbir.errors import ImageError, QueryError, SketchError
from stbir.gallery.catalogue import Vectors
from stbir.model.encoder import Encoder
from stbir.query import Weights
from stbir.strokes import Sketch
from stbir.web.encoding import BatchEncoder
from stbir.web.gates import Gate
from stbir.web.problems import Problem
from stbir.web.rows import Rows
from stbir.web.schemas import QueryIn
from stbir.web.settings import Limits

PICTURE_ID = re.compile(r"[0-9a-f]{12}(-[0-9]{1,6})?")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Question:
    """A query whose parts are encoded.

    Attributes:
        parts: Unit vectors of the given parts: sketch [Ds], text [Dt], image [D].
        negative: [Dt], unit: the words that should not match.
        weights: How much each part counts.
        sketch: The drawing.
        text: The words.
    """

    parts: dict[str, Vectors]
    negative: Vectors | None
    weights: Weights
    sketch: Sketch | None
    text: str | None


class Reader:
    """Reads queries.

    Args:
        encoder: The gallery's model.
        batches: Encodes parts.
        rows: Gives the vectors of pictures named as example.
        limits: What a client may send.
        gate: Lets in those who have a picture decoded.
        num_threads: Pictures decoded at the same time.
    """

    def __init__(
        self, encoder: Encoder, batches: BatchEncoder, rows: Rows, limits: Limits, gate: Gate, num_threads: int
    ) -> None:
        self._encoder = encoder
        self._batches = batches
        self._rows = rows
        self._limits = limits
        self._gate = gate
        self._pool = ThreadPoolExecutor(num_threads, thread_name_prefix="decode")

    async def read(self, asked: QueryIn) -> Question:
        """Read and encode a query.

        Args:
            asked: What the client sent.

        Returns:
            Its parts as vectors.

        Raises:
            SketchError: The drawing cannot be read or is over the limits.
            ImageError: The picture cannot be decoded.
            QueryError: The query is empty or contradicts itself.
            Problem: The example is unknown, or the service is busy.
        """
        text, negative = self._words("text", asked.text), self._words("not", asked.negative)
        weights = Weights(**asked.weights.model_dump())
        given = {
            "sketch": asked.strokes is not None or asked.sketch_picture is not None,
            "text": text is not None,
            "image": asked.image is not None,
        }
        if not any(given.values()):
            raise QueryError("the query is empty: give strokes, text or image")
        if not any(getattr(weights, name) > 0 for name, is_given in given.items() if is_given):
            names = ", ".join(name for name, is_given in given.items() if is_given)
            raise QueryError(f"every given part of the query ({names}) has weight 0: raise one above 0")
        if asked.strokes is not None and asked.sketch_picture is not None:
            raise QueryError("the query has strokes and sketch_picture: give one of them")
        sketch = await self._read_sketch(asked)
        waiting = {}
        if sketch is not None:
            waiting["sketch"] = self._batches.encode("sketch", _sketch_name(sketch), sketch)
        if text is not None:
            waiting["text"] = self._batches.encode("text", text, text)
        if asked.image is not None:
            waiting["image"] = self._encode_example(asked.image)
        if negative is not None:
            waiting["negative"] = self._batches.encode("text", negative, negative)
        vectors = dict(zip(waiting, await asyncio.gather(*waiting.values()), strict=True))
        without = vectors.pop("negative", None)
        return Question(vectors, without, weights, sketch, text)

    async def in_thread(self, work: Callable[..., Result], *arguments: object) -> Result:
        """Do work that decodes a picture, unless too many do.

        Raises:
            Problem: The service is busy.
        """
        with self._gate.entered():
            return await asyncio.get_running_loop().run_in_executor(self._pool, functools.partial(work, *arguments))

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _words(self, name: str, words: str | None) -> str | None:
        """Words as they are encoded; blank ones count as left out, as an empty field of a form does."""
        if words is None or not words.strip():
            return None
        if len(words) > self._limits.max_characters:
            raise QueryError(
                f"{name} has {len(words):,} characters, more than the {self._limits.max_characters:,} allowed: "
                "write less"
            )
        try:
            words.encode()
        except UnicodeEncodeError:
            raise QueryError(f"{name} is not valid Unicode: write it anew") from None
        return words

    async def _read_sketch(self, asked: QueryIn) -> Sketch | None:
        if asked.sketch_picture is not None:
            content = decode_base64("sketch_picture", asked.sketch_picture)
            read = functools.partial(Sketch.from_bytes, content, max_pixels=self._limits.max_pixels)
            sketch = await self.in_thread(read)
        elif asked.strokes is not None:
            size = None if asked.size is None else (asked.size[0], asked.size[1])
            sketch = Sketch.from_json({"strokes": asked.strokes, "size": size})
        else:
            return None
        check_sketch(sketch, self._limits)
        return sketch

    async def _encode_example(self, image: str) -> Vectors:
        """The vector of an example: a picture of the gallery by its id, or one that was sent."""
        if PICTURE_ID.fullmatch(image):
            picture = await self._rows.get(image)
            if picture is None:
                raise Problem(404, f"the gallery has no picture with the id {image}: search again")
            return picture.vector
        content = decode_base64("image", image)
        decode = functools.partial(self._encoder.load_image, content, max_pixels=self._limits.max_pixels)
        picture_in = await self.in_thread(decode)
        return await self._batches.encode("image", hashlib.sha256(content).hexdigest(), picture_in)


def check_sketch(sketch: Sketch, limits: Limits) -> None:
    """Refuse a drawing that would take too long to draw.

    Raises:
        SketchError: More strokes, points or line than the limits allow.
    """
    for what, number, most in (
        ("strokes", len(sketch.strokes), limits.max_strokes),
        ("points", sketch.num_points, limits.max_points),
    ):
        if number > most:
            raise SketchError(f"the drawing has {number:,} {what}, more than the {most:,} allowed: simplify it")
    left, top, right, bottom = sketch.bounds
    extent = max(right - left, bottom - top)
    if extent > 0 and sketch.ink_length > limits.max_turns * extent:
        raise SketchError(
            f"the drawing's lines are {sketch.ink_length / extent:,.0f} times as long as the drawing is large, "
            f"more than the {limits.max_turns:,.0f} allowed: draw fewer of them"
        )


def decode_base64(name: str, text: str) -> bytes:
    """Decode a picture in base64; a `data:` URL is one too.

    Raises:
        ImageError: It is neither.
    """
    if text.startswith("data:"):
        head, _, text = text.partition(",")
        if not head.endswith(";base64"):
            raise ImageError(f"{name} is a data URL without base64: expected data:image/png;base64,...")
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        content = b""
    if not content:
        raise ImageError(f"{name} is not a picture in base64: expected the file's bytes, encoded")
    return content


def _sketch_name(sketch: Sketch) -> str:
    """A hash of the lines, without times and pressures, which are not drawn."""
    digest = hashlib.sha256()
    for stroke in sketch.strokes:
        digest.update(len(stroke).to_bytes(4, "little"))
        digest.update(stroke[:, :2].tobytes())
    return digest.hexdigest()
