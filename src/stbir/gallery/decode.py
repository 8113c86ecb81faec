"""From files to what is stored of them, in a pool of threads: hash, vector, thumbnail, facts.

Each thread takes one picture from its bytes to its vector: the image tower on one thread and one picture at a time
does a third more per core than on all threads and a batch, and gives the same bits. Files in archives are read by the
calling thread, each archive once from its beginning to its end.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import groupby

from stbir.archives import Member, read_file, read_members
from stbir.errors import ImageError
from stbir.exif import PhotoData
from stbir.formats import viewable
from stbir.gallery.catalogue import Vectors
from stbir.gallery.scan import Found
from stbir.images import MAX_FILE_BYTES, letterbox, no_memory, picture_header, thumbnail_jpeg
from stbir.model.encoder import Encoder
from stbir.perceptual import perceptual_hash

FILES_AHEAD = 128
BYTES_AHEAD = 64_000_000


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a picture file holds.

    Attributes:
        file: The file.
        content_hash: Hash of its bytes.
        vector: [D], its gallery vector; None where the content is known and was not decoded.
        size_px: Width and height, as seen upright.
        photo: When and with what it was taken.
        perceptual_hash: Near to those of pictures that look the same.
        thumbnail: A small JPEG.
    """

    file: Found
    content_hash: str
    vector: Vectors | None = None
    size_px: tuple[int, int] = (0, 0)
    photo: PhotoData = field(default_factory=PhotoData)
    perceptual_hash: str = ""
    thumbnail: bytes = b""


class Decoder:
    """Decodes and encodes files; safe to share between threads.

    Args:
        encoder: The gallery's model.
        is_known: Whether the content with this hash needs no decoding; asked from the threads.
    """

    def __init__(self, encoder: Encoder, is_known: Callable[[str], bool]) -> None:
        self._num_threads = encoder.threads
        self._encoder = Encoder(encoder.bundle, 1, batch_size=1)
        self._is_known = is_known

    def decode(self, file: Found, content: bytes | None = None) -> Decoded:
        """Decode and encode one file.

        Args:
            file: The file.
            content: Its bytes; None reads them.

        Returns:
            What it holds.

        Raises:
            ImageError: It cannot be decoded.
        """
        try:
            if content is None:
                content = read_file(file.path, MAX_FILE_BYTES)
            digest = hashlib.sha256(content).hexdigest()
            if self._is_known(digest):
                return Decoded(file, digest)
            shown = viewable(content, file.path)
            picture = self._encoder.load_image(shown)
            header = picture_header(shown)
            frame = letterbox(picture, self._encoder.bundle.info.image.size_px)
            vector = self._encoder.encode_images([frame])[0]
            likeness = perceptual_hash(picture)
            return Decoded(file, digest, vector, header.size_px, header.photo, likeness, thumbnail_jpeg(picture))
        except MemoryError:
            raise no_memory(file.path) from None

    def decode_all(self, files: Iterable[Found]) -> Generator[tuple[Found, Decoded | ImageError]]:
        """Decode in threads, hand over in the given order, never far ahead.

        Args:
            files: The files; those of one archive together and in its order.

        Yields:
            Each file with what it holds, or with the reason why it cannot be decoded.
        """
        ahead: deque[tuple[Found, Future[Decoded] | ImageError, int]] = deque()
        num_bytes = 0
        pool = ThreadPoolExecutor(self._num_threads, thread_name_prefix="decode")
        try:
            for file, content in _with_contents(files):
                if isinstance(content, ImageError):
                    ahead.append((file, content, 0))
                else:
                    weight = len(content or b"")
                    ahead.append((file, pool.submit(self.decode, file, content), weight))
                    num_bytes += weight
                while len(ahead) >= FILES_AHEAD or num_bytes > BYTES_AHEAD:
                    file, outcome, weight = ahead.popleft()
                    num_bytes -= weight
                    yield file, _outcome(outcome)
            while ahead:
                file, outcome, _ = ahead.popleft()
                yield file, _outcome(outcome)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _with_contents(files: Iterable[Found]) -> Iterator[tuple[Found, bytes | ImageError | None]]:
    """Files with their bytes, where they lie in an archive; None for those that the threads read themselves."""
    for archive, group in groupby(files, key=lambda file: file.archive):
        if archive is None:
            yield from ((file, None) for file in group)
        else:
            yield from _members(archive, list(group))


def _members(archive: str, files: list[Found]) -> Iterator[tuple[Found, bytes | ImageError]]:
    """The files of one archive; from where it cannot be read on, with the reason."""
    left = {file.place: file for file in files}
    members = [Member(file.path[len(archive) + 1 :], file.size_bytes, file.place) for file in files]
    try:
        for member, content in read_members(archive, members, MAX_FILE_BYTES):
            yield left.pop(member.place), content
    except ImageError as error:
        yield from ((file, error) for file in left.values())


def _outcome(outcome: Future[Decoded] | ImageError) -> Decoded | ImageError:
    if isinstance(outcome, ImageError):
        return outcome
    try:
        return outcome.result()
    except ImageError as error:
        return error
