"""Decode picture files in a pool of threads: content hash, the image tower's view, thumbnail."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stbir.errors import ImageError
from stbir.gallery.scan import Found
from stbir.images import content_hash, letterbox, no_memory, picture_size, thumbnail_jpeg
from stbir.model.encoder import Encoder

BATCHES_AHEAD = 3


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a picture file holds.

    Attributes:
        file: The file.
        content_hash: Hash of its bytes.
        size_px: Width and height, as seen upright.
        frame: [S, S, 3], the letterboxed picture; None where the content is known and was not decoded.
        thumbnail: A small JPEG.
    """

    file: Found
    content_hash: str
    size_px: tuple[int, int] = (0, 0)
    frame: NDArray[np.uint8] | None = None
    thumbnail: bytes = b""


def decode(file: Found, encoder: Encoder, is_known: Callable[[str], bool]) -> Decoded:
    """Decode one file.

    Args:
        file: The file.
        encoder: Says how the image tower wants its pictures.
        is_known: Whether the content with this hash needs no decoding.

    Returns:
        What it holds.

    Raises:
        ImageError: It cannot be decoded.
    """
    digest = content_hash(file.path)
    if is_known(digest):
        return Decoded(file, digest)
    try:
        picture = encoder.load_image(file.path)
        frame = letterbox(picture, encoder.bundle.info.image.size_px)
        return Decoded(file, digest, picture_size(file.path), frame, thumbnail_jpeg(picture))
    except MemoryError:
        raise no_memory(file.path) from None


def decode_all(
    files: Iterable[Found], encoder: Encoder, is_known: Callable[[str], bool]
) -> Generator[tuple[Found, Decoded | ImageError]]:
    """Decode in threads, hand over in the given order, never more than a few batches ahead.

    Args:
        files: The files.
        encoder: As in `decode`.
        is_known: As in `decode`; asked from the threads.

    Yields:
        Each file with what it holds, or with the reason why it cannot be decoded.
    """
    ahead: deque[tuple[Found, Future[Decoded]]] = deque()
    pool = ThreadPoolExecutor(encoder.threads, thread_name_prefix="decode")
    try:
        for file in files:
            ahead.append((file, pool.submit(decode, file, encoder, is_known)))
            if len(ahead) >= BATCHES_AHEAD * encoder.batch_size:
                yield _outcome(*ahead.popleft())
        while ahead:
            yield _outcome(*ahead.popleft())
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _outcome(file: Found, future: Future[Decoded]) -> tuple[Found, Decoded | ImageError]:
    try:
        return file, future.result()
    except ImageError as error:
        return file, error
