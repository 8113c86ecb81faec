"""Files with what a system found for each query, read and written line by line.

In: a run file of someone else, hostile until it parsed: sizes are limited, and every error names file and line. Out:
one `Ranking` for each query, ordered by the scores. `runs` says what the formats are and makes ranks of it.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import math
import os
import re
import zlib
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Literal, NoReturn

import numpy as np
from numpy.typing import NDArray

from stbir.atomic import write_atomically
from stbir.errors import InputError
from stbir.files import open_regular_file

MAX_RUN_BYTES = 2_000_000_000
MAX_LINE_BYTES = 64_000_000
MAX_ENTRIES = 20_000_000
MAX_ID_LENGTH = 1024
CSV_HEADER = ["query", "id", "score"]
FORMATS = ("csv", "jsonl", "trec")
_GZIP = b"\x1f\x8b"
_UNWRITABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")

Format = Literal["csv", "jsonl", "trec"]
Scores = NDArray[np.float64]
Rankings = Mapping[str, "Ranking"]


@dataclass(frozen=True, eq=False)
class Ranking:
    """What a system found for one query.

    Attributes:
        ids: Pictures, best first.
        scores: [len(ids)], descending, finite; None where only the order is known, which then has no ties.
    """

    ids: tuple[str, ...]
    scores: Scores | None = None

    def __eq__(self, other: object) -> bool:
        """Same pictures, same scores."""
        return isinstance(other, Ranking) and self.ids == other.ids and _equal(self.scores, other.scores)

    __hash__ = None  # type: ignore[assignment]


def read_rankings(path: str | os.PathLike[str]) -> tuple[str, dict[str, Ranking]]:
    """Read a run file of any of the three formats.

    Args:
        path: The file, plain or gzipped.

    Returns:
        What the run is called (the TREC tag, else the file's name), and the ranking of each query.

    Raises:
        InputError: As `runs.read_run`.
    """
    source = _Source(os.fspath(path))
    with open_regular_file(path, InputError) as file:
        is_gzip = file.peek(2)[:2] == _GZIP
        lines = source.lines(gzip.GzipFile(fileobj=file) if is_gzip else file)
        first = next(lines, None)
        if first is None:
            raise InputError(f"{source.name} is empty: a run has one line for each query or for each picture found")
        name, read = _reader(source, first)
        return name or Path(path).name.removesuffix(".gz"), read(source, first, lines)


def write_rankings(path: Path, name: str, rankings: Rankings, format: Format) -> None:
    """Write a run file, as `runs.Run.write`."""
    if format not in FORMATS:
        raise InputError(f"there is no run format {format!r}: choose one of {', '.join(FORMATS)}")
    if format == "trec":
        lines = _trec_lines(re.sub(r"\s+", "-", name) or "run", rankings)
    else:
        lines = _csv_lines(rankings) if format == "csv" else _jsonl_lines(rankings)
    _write_lines(path, lines)


def write_qrels(path: str | os.PathLike[str], query_ids: Sequence[str], target_ids: Sequence[str]) -> None:
    """Write which picture is right for which query as TREC qrels, for trec_eval and its kin; gzipped where named .gz.

    Args:
        path: Where; an existing file is replaced.
        query_ids: [P]; a query with several right pictures is repeated.
        target_ids: [P], a right picture of each.

    Raises:
        InputError: Lengths that differ, a pair given twice, an id with a space, or the file cannot be written.
    """
    if len(query_ids) != len(target_ids):
        raise InputError(f"{len(query_ids)} queries and {len(target_ids)} right pictures do not fit: give one for each")
    pairs = list(zip(query_ids, target_ids, strict=True))
    if len(set(pairs)) < len(pairs):
        raise InputError("a query has the same right picture twice: give each pair once")
    _write_lines(Path(path), (f"{_word(query)} 0 {_word(target)} 1" for query, target in pairs))


@dataclass(eq=False)
class _Source:
    """The file that is read, with the number of the line and what was taken from it so far."""

    name: str
    line: int = 0
    num_entries: int = 0
    known: dict[str, str] = field(default_factory=dict)

    def lines(self, stream: BinaryIO | gzip.GzipFile) -> Iterator[str]:
        """Its lines without line ends, those with nothing on them left out."""
        num_bytes = 0
        while content := self._next(stream):
            self.line += 1
            num_bytes += len(content)
            if len(content) > MAX_LINE_BYTES:
                self.refuse(f"the line has more than the {MAX_LINE_BYTES:,} bytes allowed")
            if num_bytes > MAX_RUN_BYTES:
                self.refuse(f"the file has more than the {MAX_RUN_BYTES:,} bytes allowed")
            try:
                text = content.decode("utf-8-sig" if self.line == 1 else "utf-8").strip("\r\n")
            except UnicodeDecodeError:
                self.refuse("the line is not UTF-8")
            if text.strip():
                yield text

    def _next(self, stream: BinaryIO | gzip.GzipFile) -> bytes:
        try:
            return stream.readline(MAX_LINE_BYTES + 1)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise InputError(f"{self.name} is a broken gzip file ({error}): copy or pack it again") from None

    def refuse(self, what: str) -> NoReturn:
        """Raise, naming file and line."""
        raise InputError(f"{self.name}:{self.line}: {what}")

    def word(self, kind: str, value: Any) -> str:
        """An id; equal ones share their memory."""
        if not isinstance(value, str) or not 0 < len(value) <= MAX_ID_LENGTH or _UNWRITABLE.search(value):
            self.refuse(f"{kind} id {str(value)[:40]!r} is no text of 1 to {MAX_ID_LENGTH} characters without controls")
        return self.known.setdefault(value, value)

    def score(self, value: Any) -> float:
        """A finite number, given as one or as text."""
        try:
            number = math.nan if isinstance(value, bool | None) else float(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if not math.isfinite(number):
            self.refuse(f"score {str(value)[:40]!r} is not a finite number: the system's scores are broken")
        return number

    def count(self, num_entries: int) -> None:
        """Refuse a file with too many pictures listed."""
        self.num_entries += num_entries
        if self.num_entries > MAX_ENTRIES:
            self.refuse(f"the run lists more than the {MAX_ENTRIES:,} pictures allowed: keep fewer for each query")


_Reader = Callable[[_Source, str, Iterator[str]], dict[str, Ranking]]


def _reader(source: _Source, first: str) -> tuple[str, _Reader]:
    """Which format it is, and the run's name where the file says it."""
    words = first.split()
    if first.lstrip().startswith("{"):
        return "", _read_jsonl
    if [cell.strip() for cell in first.split(",")] == CSV_HEADER:
        return "", _read_csv
    if len(words) != 6:
        source.refuse(
            "the line begins no run: expected JSON with query and ids, TREC (query Q0 id rank score tag), "
            f"or the CSV header {','.join(CSV_HEADER)}"
        )
    return words[5][:MAX_ID_LENGTH], _read_trec


def _read_jsonl(source: _Source, first: str, lines: Iterator[str]) -> dict[str, Ranking]:
    rankings: dict[str, Ranking] = {}
    for line in _with(first, lines):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            source.refuse("the line is not JSON")
        if not isinstance(row, dict) or not {"query", "ids"} <= row.keys() <= {"query", "ids", "scores"}:
            source.refuse("expected an object with query, ids and, if there are any, scores")
        query, ids, scores = source.word("query", row["query"]), row["ids"], row.get("scores")
        if query in rankings:
            source.refuse(f"query {query!r} was answered before: give one line for each query")
        if not isinstance(ids, list) or not (scores is None or isinstance(scores, list)):
            source.refuse("ids and scores must be lists")
        if scores is not None and len(scores) != len(ids):
            source.refuse(f"{len(ids)} ids and {len(scores)} scores: expected one score for each id")
        source.count(len(ids))
        words: dict[str, None] = {}
        for each in ids:
            word = source.word("picture", each)
            if word in words:
                source.refuse(f"picture {word!r} is listed twice for query {query!r}: list each once")
            words[word] = None
        numbers = None if scores is None else np.array([source.score(each) for each in scores], np.float64)
        rankings[query] = _ordered(list(words), numbers)
    return rankings


def _read_trec(source: _Source, first: str, lines: Iterator[str]) -> dict[str, Ranking]:
    def cells() -> Iterator[tuple[str, str, str]]:
        for line in _with(first, lines):
            words = line.split()
            if len(words) != 6:
                source.refuse(f"{len(words)} words: expected 6, query Q0 id rank score tag")
            yield words[0], words[2], words[4]

    return _collect(source, cells())


def _read_csv(source: _Source, first: str, lines: Iterator[str]) -> dict[str, Ranking]:
    del first

    def cells() -> Iterator[tuple[str, str, str]]:
        for line in lines:
            try:
                (row,) = csv.reader([line], strict=True)
            except csv.Error as error:
                source.refuse(f"the line is not CSV: {error}")
            if len(row) != len(CSV_HEADER):
                source.refuse(f"{len(row)} fields: expected {len(CSV_HEADER)}, {','.join(CSV_HEADER)}")
            yield row[0], row[1], row[2]

    return _collect(source, cells())


def _collect(source: _Source, cells: Iterable[tuple[str, str, str]]) -> dict[str, Ranking]:
    """Rankings from one (query, id, score) for each line, in any order."""
    found: dict[str, tuple[dict[str, None], array[float]]] = {}
    for query, picture, score in cells:
        ids, scores = found.setdefault(source.word("query", query), ({}, array("d")))
        if picture in ids:
            source.refuse(f"picture {picture!r} is listed twice for query {query!r}: list each once")
        source.count(1)
        ids[source.word("picture", picture)] = None
        scores.append(source.score(score))
    return {query: _ordered(list(ids), np.array(scores, np.float64)) for query, (ids, scores) in found.items()}


def _with(first: str, lines: Iterator[str]) -> Iterator[str]:
    yield first
    yield from lines


def _ordered(ids: Sequence[str], scores: Scores | None) -> Ranking:
    if scores is None:
        return Ranking(tuple(ids))
    order = np.argsort(-scores, kind="stable")
    return Ranking(tuple(ids[index] for index in order), scores[order])


def _jsonl_lines(rankings: Rankings) -> Iterator[str]:
    for query, ranking in rankings.items():
        scores = {} if ranking.scores is None else {"scores": ranking.scores.tolist()}
        ids = [_text(each) for each in ranking.ids]
        yield json.dumps({"query": _text(query), "ids": ids, **scores}, ensure_ascii=False)


def _trec_lines(tag: str, rankings: Rankings) -> Iterator[str]:
    for query, ranking in rankings.items():
        for place, (picture, score) in enumerate(_scored(ranking), start=1):
            yield f"{_word(query)} Q0 {_word(picture)} {place} {score!r} {tag}"


def _csv_lines(rankings: Rankings) -> Iterator[str]:
    yield ",".join(CSV_HEADER)
    for query, ranking in rankings.items():
        for picture, score in _scored(ranking):
            row = io.StringIO()
            csv.writer(row, lineterminator="").writerow([_text(query), _text(picture), repr(score)])
            yield row.getvalue()


def _scored(ranking: Ranking) -> Iterator[tuple[str, float]]:
    places = np.arange(len(ranking.ids), 0, -1, dtype=np.float64)
    return zip(ranking.ids, (places if ranking.scores is None else ranking.scores).tolist(), strict=True)


def _text(identity: str) -> str:
    if not 0 < len(identity) <= MAX_ID_LENGTH or _UNWRITABLE.search(identity):
        raise InputError(f"id {identity[:40]!r} cannot be read back: use 1 to {MAX_ID_LENGTH} characters, no controls")
    return identity


def _word(identity: str) -> str:
    if _text(identity).split() != [identity]:
        raise InputError(f"id {identity!r} is not one word: TREC files hold ids without spaces, write jsonl")
    return identity


def _write_lines(path: Path, lines: Iterable[str]) -> None:
    def write(stream: BinaryIO) -> None:
        if path.suffix == ".gz":
            # No name and no time in the file: same run, same bytes.
            with gzip.GzipFile(filename="", mode="wb", fileobj=stream, mtime=0) as packed:
                packed.writelines(f"{line}\n".encode() for line in lines)
        else:
            stream.writelines(f"{line}\n".encode() for line in lines)

    try:
        write_atomically(path, write)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}: choose another file") from None


def _equal(one: Scores | None, other: Scores | None) -> bool:
    if one is None or other is None:
        return one is other
    return bool(np.array_equal(one, other))
