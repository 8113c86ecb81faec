"""`stbir data check`: everything that is wrong with a data set, in one pass.

In: a tolerant reading. Every file that a row names is read once, in a pool of threads, and kept as `Facts` of less
than a kilobyte. Out: a `Report` with one line per finding. Nothing is changed on the disk.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from stbir.datasets.fingerprint import Facts, drawing_facts, ink_problem, picture_facts, sketch_problem
from stbir.datasets.fields import value_of
from stbir.datasets.manifest import Row, check_path
from stbir.datasets.near import near_pairs
from stbir.datasets.problems import ERROR, KINDS, WARNING, Problem
from stbir.datasets.reading import Reading
from stbir.datasets.sources import Chosen
from stbir.datasets.tree import SKETCH_SUFFIXES, parent, suffix
from stbir.errors import DatasetError, InputError, SketchError
from stbir.strokes import Sketch

MAX_TEXT_LENGTH = 2000
AHEAD = 64

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Report:
    """What was found.

    Attributes:
        name: The data set.
        num_rows: Rows that could be read.
        num_files: Different files and drawings that were read.
        num_bytes: Their bytes.
        problems: The findings: errors first, by kind, in the order of the rows.
    """

    name: str
    num_rows: int
    num_files: int
    num_bytes: int
    problems: tuple[Problem, ...]

    @property
    def num_errors(self) -> int:
        """Findings that make the data set wrong."""
        return sum(problem.severity == ERROR for problem in self.problems)

    @property
    def num_warnings(self) -> int:
        """Findings that may be meant so."""
        return len(self.problems) - self.num_errors


@dataclass(frozen=True)
class _Use:
    """One use of a file by a row."""

    index: int
    name: str


def check(
    reading: Reading,
    *,
    is_decoded: bool = True,
    groups: Iterable[str] = (),
    threads: int | None = None,
    progress: Progress | None = None,
) -> Report:
    """Look for everything that is wrong with a data set.

    Args:
        reading: The data set, read tolerantly.
        is_decoded: Decode pictures and drawings, which finds damage, blank sheets and look-alikes. Otherwise only
            names, sizes, kinds and contents (by hash) are compared, which is several times faster.
        groups: Fields whose value may not occur in two splits, such as `virtual_class`.
        threads: Threads that read and decode; by default one per core.
        progress: Called with the number of files done and of all.

    Returns:
        The findings.
    """
    checker = _Checker(reading, is_decoded, threads or os.cpu_count() or 1, progress)
    checker.files_that_no_row_may_name()
    checker.rows_that_lack_something()
    checker.texts()
    checker.contents()
    checker.leaking_groups(groups)
    checker.unused_files()
    order = {kind: number for number, kind in enumerate(KINDS)}
    problems = sorted([*reading.problems, *checker.problems], key=lambda p: (p.severity != ERROR, order[p.kind]))
    facts = [*checker.pictures.values(), *checker.drawings.values()]
    num_bytes = sum(one.num_bytes for one in facts)
    return Report(reading.name, len(reading.rows), len(facts), num_bytes, tuple(problems))


class _Checker:
    def __init__(self, reading: Reading, is_decoded: bool, threads: int, progress: Progress | None) -> None:
        self.reading = reading
        self.rows = reading.rows
        self.is_decoded = is_decoded
        self.threads = threads
        self.progress = progress
        self.problems: list[Problem] = []
        self.pictures: dict[str, Facts] = {}
        self.drawings: dict[str, Facts] = {}

    def note(self, kind: str, severity: str, index: int, message: str) -> None:
        self.problems.append(Problem(kind, severity, self.reading.places[index], message, self.rows[index].id))

    def files_that_no_row_may_name(self) -> None:
        for name, count in Counter(self.reading.files.names()).items():
            try:
                check_path(name)
            except ValueError as error:
                self.problems.append(Problem("outside", ERROR, "", str(error)))
            if count > 1:
                message = f"the archive holds {count} files of this name: only the last is ever read"
                self.problems.append(Problem("duplicate", ERROR, name, message))

    def rows_that_lack_something(self) -> None:
        """Rows without what most of their split have, and rows without anything."""
        has = {
            "picture": lambda row: row.image is not None,
            "drawing": lambda row: bool(row.sketches),
            "text": lambda row: bool(row.text),
        }
        by_split: dict[str | None, list[int]] = defaultdict(list)
        for index, row in enumerate(self.rows):
            by_split[row.split].append(index)
            if not any(given(row) for given in has.values()):
                self.note("unpaired", ERROR, index, "the row has no picture, no drawing and no text: fill or drop it")
            if len(set(row.sketches)) < len(row.sketches):
                self.note("duplicate", WARNING, index, "the row names a drawing twice: name each once")
        for split, members in by_split.items():
            for what, given in has.items():
                lacking = [index for index in members if not given(self.rows[index])]
                if 0 < 2 * len(lacking) < len(members):
                    others = f"most rows of the split {split}" if split else "most rows"
                    for index in lacking:
                        self.note("unpaired", WARNING, index, f"no {what}, while {others} have one")
        if len(by_split) > 1:
            for index in by_split.get(None, ()):
                self.note("unpaired", WARNING, index, "no split, while other rows name theirs")

    def texts(self) -> None:
        uses: dict[str, list[int]] = defaultdict(list)
        for index, row in enumerate(self.rows):
            for text in row.all_texts:
                uses[" ".join(text.lower().split())].append(index)
                if len(text) > MAX_TEXT_LENGTH:
                    message = f"a text of {len(text):,} characters, more than {MAX_TEXT_LENGTH:,}: is it one text?"
                    self.note("over-limit", WARNING, index, message)
        for text, indices in uses.items():
            pictures = {self.rows[index].image or self.rows[index].id for index in indices}
            if len(pictures) > 1:
                message = f"{_short(text)} is the text of {len(indices)} rows{self._others(indices)}"
                self.note("text", WARNING, indices[0], message)

    def contents(self) -> None:
        pictures = _first_uses((index, row.image) for index, row in enumerate(self.rows) if row.image)
        drawings = _first_uses((index, name) for index, row in enumerate(self.rows) for name in row.sketches)
        total = len(pictures) + len(drawings)
        done = 0
        for use, facts in self._looked_at([*pictures.values()], self._picture):
            self.pictures[use.name] = facts
            self._note_file(use, facts)
            done = self._tell(done, total)
        for use, facts in self._looked_at([*drawings.values()], self._drawing):
            self.drawings[use.name] = facts
            self._note_file(use, facts)
            done = self._tell(done, total)
        self._same_contents(self.pictures, lambda row: (row.image,) if row.image else (), "picture")
        self._same_contents(self.drawings, lambda row: tuple(dict.fromkeys(row.sketches)), "drawing")
        self._look_alikes()
        self._said_sizes()

    def leaking_groups(self, fields: Iterable[str]) -> None:
        for field in fields:
            uses: dict[str, list[int]] = defaultdict(list)
            for index, row in enumerate(self.rows):
                value = value_of(row, field)
                if value is not None:
                    uses[value].append(index)
            if not uses and self.rows:
                raise InputError(f"no row has the field {field!r}: name one of the rows' or attributes' fields")
            for value, indices in uses.items():
                first = self.rows[indices[0]]
                for index in indices[1:]:
                    if self.rows[index].split != first.split:
                        message = f"{field} = {value!r} is in the split {first.split} too (row {first.id!r})"
                        self.note("leakage", ERROR, index, message)

    def unused_files(self) -> None:
        if isinstance(self.reading.files, Chosen):
            return  # the other lists beside the chosen one name them
        used = {*self.pictures, *self.drawings}
        for row in self.rows:
            used.update(_texts_in(row.attributes))
        unused: dict[str, list[str]] = defaultdict(list)
        for name in self.reading.files.names():
            if name not in used and suffix(name) in SKETCH_SUFFIXES - {".json", ".ndjson"}:
                unused[parent(name)].append(name)
        for folder, names in unused.items():
            message = f"{len(names):,} pictures or drawings that no row names, such as {names[0]}"
            self.problems.append(Problem("unused", WARNING, folder or ".", message))

    def _looked_at(
        self, uses: list[_Use], look: Callable[[_Use], Facts | Problem]
    ) -> Iterator[tuple[_Use, Facts]]:
        """The facts of each file, in order, never many files ahead; what cannot be read at all is noted."""
        ahead: deque[tuple[_Use, Future[Facts | Problem]]] = deque()
        pool = ThreadPoolExecutor(self.threads, thread_name_prefix="check")
        try:
            for use in uses:
                ahead.append((use, pool.submit(look, use)))
                if len(ahead) >= AHEAD:
                    yield from self._outcome(*ahead.popleft())
            while ahead:
                yield from self._outcome(*ahead.popleft())
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _outcome(self, use: _Use, future: Future[Facts | Problem]) -> Iterator[tuple[_Use, Facts]]:
        found = future.result()
        if isinstance(found, Facts):
            yield use, found
        else:
            self.problems.append(found)

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
                return self._problem("outside", use, f"{use.name} is a link out of the data set: replace it by the file")
            is_there = self.reading.tree.has(use.name)
            if is_there:
                return self._problem("unreadable", use, text)
            return self._problem("missing", use, f"{use.name} is not there: add the file, or drop it from the row")

    def _problem(self, kind: str, use: _Use, message: str) -> Problem:
        return Problem(kind, ERROR, self.reading.places[use.index], message, self.rows[use.index].id)

    def _note_file(self, use: _Use, facts: Facts) -> None:
        if facts.problem is not None:
            kind, message = facts.problem
            self.note(kind, ERROR, use.index, f"{use.name}: {message}")
        if facts.mismatch is not None:
            self.note("mismatch", WARNING, use.index, f"{use.name}: {facts.mismatch}: rename it")

    def _tell(self, done: int, total: int) -> int:
        if self.progress is not None:
            self.progress(done + 1, total)
        return done + 1

    def _same_contents(
        self, facts: dict[str, Facts], names_of: Callable[[Row], tuple[str, ...]], what: str
    ) -> None:
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
            self.note("leakage", ERROR, use.index, f"{message}, which is in the split {other.split}, not {row.split}")
        else:
            self.note("duplicate", WARNING, use.index, message)

    def _look_alikes(self) -> None:
        """Pictures that differ in their bytes but not to the eye."""
        first_use: dict[bytes, _Use] = {}
        for index, row in enumerate(self.rows):
            facts = self.pictures.get(row.image or "")
            if facts is not None and facts.look is not None:
                first_use.setdefault(facts.digest, _Use(index, row.image or ""))
        uses = list(first_use.values())
        known = [self.pictures[use.name] for use in uses]
        pairs = near_pairs([facts.look or 0 for facts in known], [facts.thumbnail for facts in known])
        earliest: dict[int, int] = {}
        for left, right in pairs:
            earliest.setdefault(right, left)
        for position, like in sorted(earliest.items()):
            self._note_near(uses[like], uses[position])

    def _note_near(self, first: _Use, use: _Use) -> None:
        row, other = self.rows[use.index], self.rows[first.index]
        message = f"{use.name} looks like {first.name} of row {other.id!r} ({self.reading.places[first.index]})"
        if row.split != other.split and None not in (row.split, other.split):
            self.note("leakage", WARNING, use.index, f"{message}, which is in the split {other.split}, not {row.split}")
        else:
            self.note("near-duplicate", WARNING, use.index, message)

    def _said_sizes(self) -> None:
        for index, row in enumerate(self.rows):
            facts = self.pictures.get(row.image or "")
            said = row.attributes.get("width"), row.attributes.get("height")
            if facts is None or facts.size_px == (0, 0) or not all(isinstance(side, int) for side in said):
                continue
            if said != facts.size_px:
                found = f"{facts.size_px[0]} x {facts.size_px[1]}"
                message = f"{row.image} has {found} pixels, the row says {said[0]} x {said[1]}"
                self.note("mismatch", ERROR, index, message)

    def _others(self, indices: list[int]) -> str:
        shown = ", ".join(repr(self.rows[index].id) for index in indices[1:4])
        more = len(indices) - 4
        return f": also {shown}" + (f" and {more} more" if more > 0 else "")


def _first_uses(uses: Iterable[tuple[int, str]]) -> dict[str, _Use]:
    found: dict[str, _Use] = {}
    for index, name in uses:
        if name not in found:
            found[name] = _Use(index, name)
    return found


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}...")


def _texts_in(value: object) -> Iterator[str]:
    """Texts anywhere in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts_in(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts_in(inner)
