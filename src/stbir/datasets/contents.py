"""What the files of a data set hold, compared: each read once, in a pool of threads, and kept as `Facts`.

In: a reading and the notes of a check. Out: findings about single files (missing, damaged, blank, wrongly named), about
the same content in several rows or splits, and about pictures that look the same.
"""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from stbir.datasets.fingerprint import Facts, drawing_facts, ink_problem, picture_facts, sketch_problem
from stbir.datasets.manifest import Row
from stbir.datasets.near import near_pairs
from stbir.datasets.notes import Notes
from stbir.datasets.problems import ERROR, WARNING, Problem
from stbir.datasets.reading import Reading
from stbir.errors import DatasetError, SketchError
from stbir.strokes import Sketch

AHEAD = 64

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class _Use:
    """One use of a file by a row."""

    index: int
    name: str


class Contents:
    """The files of a data set, looked at.

    Args:
        notes: The data set, and where findings are put.
        is_decoded: Decode pictures and drawings.
        threads: Threads that read and decode.
        progress: Called with the number of files done and of all.

    Attributes:
        pictures: What each picture that could be read holds, by its name.
        drawings: The same of drawings.
    """

    def __init__(self, notes: Notes, *, is_decoded: bool, threads: int, progress: Progress | None) -> None:
        self.notes = notes
        self.reading = notes.reading
        self.rows = notes.reading.rows
        self.is_decoded = is_decoded
        self.threads = threads
        self.progress = progress
        self.pictures: dict[str, Facts] = {}
        self.drawings: dict[str, Facts] = {}

    def check(self) -> None:
        """Look at every file, and note everything that is wrong."""
        self.look_at_pictures()
        self.look_at_drawings()
        self._same_contents(self.pictures, lambda row: (row.image,) if row.image else (), "picture")
        self._same_contents(self.drawings, lambda row: tuple(dict.fromkeys(row.sketches)), "drawing")
        self._note_look_alikes()
        self._said_sizes()

    def look_at_pictures(self) -> None:
        """Look at every picture that a row names."""
        uses = _first_uses((index, row.image) for index, row in enumerate(self.rows) if row.image)
        for use, facts in self._looked_at(uses, self._picture):
            self.pictures[use.name] = facts

    def look_at_drawings(self) -> None:
        """Look at every drawing that a row names."""
        uses = _first_uses((index, name) for index, row in enumerate(self.rows) for name in row.sketches)
        for use, facts in self._looked_at(uses, self._drawing):
            self.drawings[use.name] = facts

    def _looked_at(self, uses: list[_Use], look: Callable[[_Use], Facts | Problem]) -> Iterator[tuple[_Use, Facts]]:
        """The facts of each file, in order, never many files ahead; what is wrong with a file is noted."""
        ahead: deque[tuple[_Use, Future[Facts | Problem]]] = deque()
        pool = ThreadPoolExecutor(self.threads, thread_name_prefix="check")
        try:
            for number, use in enumerate(uses):
                ahead.append((use, pool.submit(look, use)))
                if len(ahead) >= AHEAD:
                    yield from self._outcome(*ahead.popleft())
                if self.progress is not None:
                    self.progress(number + 1, len(uses))
            while ahead:
                yield from self._outcome(*ahead.popleft())
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _outcome(self, use: _Use, future: Future[Facts | Problem]) -> Iterator[tuple[_Use, Facts]]:
        found = future.result()
        if isinstance(found, Problem):
            self.notes.problems.append(found)
            return
        if found.problem is not None:
            kind, message = found.problem
            self.notes.note(kind, ERROR, use.index, self._of(use, message))
        if found.mismatch is not None:
            self.notes.note("mismatch", WARNING, use.index, self._of(use, f"{found.mismatch}: rename it"))
        yield use, found

    def _of(self, use: _Use, message: str) -> str:
        """The message with the file's name, unless it is the place already."""
        return message if use.name == self.reading.places[use.index] else f"{use.name}: {message}"

    def _picture(self, use: _Use) -> Facts | Problem:
        content = self._content(use)
        return content if isinstance(content, Problem) else picture_facts(use.name, content, is_decoded=self.is_decoded)

    def _drawing(self, use: _Use) -> Facts | Problem:
        if use.name in self.reading.strokes:
            return self._strokes(use)
        content = self._content(use)
        return content if isinstance(content, Problem) else drawing_facts(use.name, content, is_decoded=self.is_decoded)

    def _strokes(self, use: _Use) -> Facts | Problem:
        try:
            drawing = self.reading.strokes[use.name]
            written = repr(drawing).encode()
            problem = ink_problem(Sketch.from_json(drawing)) if self.is_decoded else None
        except SketchError as error:
            return Facts(b"", 0, problem=sketch_problem(error))
        except (DatasetError, ValueError, TypeError, RecursionError) as error:
            return self._problem("unreadable", use, f"the drawing {use.name} cannot be read ({error})")
        return Facts(hashlib.sha256(written).digest(), len(written), problem=problem)

    def _content(self, use: _Use) -> bytes | Problem:
        try:
            return self.reading.files.read(use.name)
        except DatasetError as error:
            text = str(error)
            if "bytes allowed" in text:
                return self._problem("over-limit", use, f"{use.name} has more bytes than are allowed: shrink it")
            if "link out of" in text:
                return self._problem(
                    "outside", use, f"{use.name} is a link out of the data set: replace it by the file"
                )
            is_there = self.reading.tree.has(use.name)
            if is_there:
                return self._problem("unreadable", use, text)
            return self._problem("missing", use, f"{use.name} is not there: add the file, or drop it from the row")

    def _problem(self, kind: str, use: _Use, message: str) -> Problem:
        return Problem(kind, ERROR, self.reading.places[use.index], message, self.rows[use.index].id)

    def _same_contents(self, facts: dict[str, Facts], names_of: Callable[[Row], tuple[str, ...]], what: str) -> None:
        """The same bytes used by several rows, or twice by one: across splits that is leakage."""
        uses: dict[bytes, list[_Use]] = defaultdict(list)
        for index, row in enumerate(self.rows):
            for name in names_of(row):
                if name in facts and facts[name].num_bytes:
                    uses[facts[name].digest].append(_Use(index, name))
        for same in uses.values():
            first = same[0]
            for use in same[1:]:
                self._note_same(what, first, use)

    def _note_same(self, what: str, first: _Use, use: _Use) -> None:
        row, other = self.rows[use.index], self.rows[first.index]
        as_file = "" if use.name == first.name else f" as {first.name}"
        message = f"{use.name} is the same {what}{as_file} of row {other.id!r} ({self.reading.places[first.index]})"
        if row.split != other.split and None not in (row.split, other.split):
            self.notes.note(
                "leakage", ERROR, use.index, f"{message}, which is in the split {other.split}, not {row.split}"
            )
        else:
            self.notes.note("duplicate", WARNING, use.index, message)

    def look_alikes(self) -> list[tuple[int, int]]:
        """Rows whose pictures are the same, byte by byte or to the eye."""
        first_row: dict[bytes, int] = {}
        pairs = []
        for index, row in enumerate(self.rows):
            facts = self.pictures.get(row.image or "")
            if facts is not None and facts.look is not None:
                first = first_row.setdefault(facts.digest, index)
                if first != index:
                    pairs.append((first, index))
        return [*pairs, *self._near_pairs(list(first_row.values()))]

    def shared_drawings(self) -> list[tuple[int, int]]:
        """Rows that have a drawing in common, byte by byte."""
        first_row: dict[bytes, int] = {}
        pairs = []
        for index, row in enumerate(self.rows):
            for name in row.sketches:
                if name in self.drawings:
                    pairs.append((first_row.setdefault(self.drawings[name].digest, index), index))
        return [(left, right) for left, right in pairs if left != right]

    def _near_pairs(self, indices: list[int]) -> Iterator[tuple[int, int]]:
        known = [self.pictures[self.rows[index].image or ""] for index in indices]
        pairs = near_pairs([facts.look or 0 for facts in known], [facts.thumbnail for facts in known])
        return ((indices[left], indices[right]) for left, right in pairs)

    def _note_look_alikes(self) -> None:
        """Pictures that differ in their bytes but not to the eye, each with the earliest that it looks like."""
        earliest: dict[int, int] = {}
        for left, right in self.look_alikes():
            if self._digest(left) != self._digest(right):
                earliest.setdefault(right, left)
        for index, like in sorted(earliest.items()):
            self._note_near(like, index)

    def _digest(self, index: int) -> bytes:
        return self.pictures[self.rows[index].image or ""].digest

    def _note_near(self, first: int, index: int) -> None:
        row, other = self.rows[index], self.rows[first]
        message = f"{row.image} looks like {other.image} of row {other.id!r} ({self.reading.places[first]})"
        if row.split != other.split and None not in (row.split, other.split):
            self.notes.note(
                "leakage", WARNING, index, f"{message}, which is in the split {other.split}, not {row.split}"
            )
        else:
            self.notes.note("near-duplicate", WARNING, index, message)

    def _said_sizes(self) -> None:
        for index, row in enumerate(self.rows):
            facts = self.pictures.get(row.image or "")
            said = row.attributes.get("width"), row.attributes.get("height")
            if facts is None or facts.size_px == (0, 0) or not all(isinstance(side, int) for side in said):
                continue
            if said != facts.size_px:
                found = f"{facts.size_px[0]} x {facts.size_px[1]}"
                message = f"{row.image} has {found} pixels, the row says {said[0]} x {said[1]}"
                self.notes.note("mismatch", ERROR, index, message)


def look_alikes(
    reading: Reading, *, threads: int | None = None, progress: Progress | None = None
) -> list[tuple[int, int]]:
    """Rows whose pictures are the same, byte by byte or to the eye, or that share a drawing byte by byte.

    Args:
        reading: The data set.
        threads: Threads that read and decode; by default one per core.
        progress: Called with the number of pictures, then of drawings, done and of all.

    Returns:
        Pairs of positions of rows. Files that cannot be read are left out.
    """
    num_threads = threads or os.cpu_count() or 1
    contents = Contents(Notes(reading), is_decoded=True, threads=num_threads, progress=progress)
    contents.look_at_pictures()
    drawn = Contents(Notes(reading), is_decoded=False, threads=num_threads, progress=progress)
    drawn.look_at_drawings()
    return [*contents.look_alikes(), *drawn.shared_drawings()]


def _first_uses(uses: Iterable[tuple[int, str]]) -> list[_Use]:
    found: dict[str, _Use] = {}
    for index, name in uses:
        if name not in found:
            found[name] = _Use(index, name)
    return list(found.values())
