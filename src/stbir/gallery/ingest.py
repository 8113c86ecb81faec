"""Bring a gallery up to date with folders of pictures: scan, decode and encode in a pool of threads, commit.

A commit is made every few seconds; a process that is killed loses what came after the last one and nothing else, and
the next run goes on from there. Files that cannot be used are reported and passed over.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from stbir.archives import is_missing
from stbir.errors import ImageError
from stbir.gallery.catalogue import Entry, IndexReport, Picture, SkippedFile
from stbir.gallery.decode import Decoded, Decoder
from stbir.gallery.duplicates import Groups
from stbir.gallery.fill import filled
from stbir.gallery.lock import uninterrupted
from stbir.gallery.register import ID_DIGITS, Register
from stbir.gallery.scan import Difference, Found, Scan
from stbir.gallery.store import Store
from stbir.model.encoder import Encoder

__all__ = ["COMMIT_ROWS", "COMMIT_SECONDS", "ID_DIGITS", "Ingest", "Progress"]

COMMIT_SECONDS = 5.0
COMMIT_ROWS = 2000
FILL_ROWS = 500

MakeDecoder = Callable[[Encoder, Callable[[str], bool]], Decoder]


class Progress:
    """Told what happens while indexing; this one ignores it, subclasses show it."""

    def start(self, total: int) -> None:
        """The scan is done and `total` files will be read."""

    def advance(self) -> None:
        """One more file is done."""

    def skip(self, path: Path, reason: str) -> None:
        """A file cannot be used."""

    def close(self) -> None:
        """Nothing more will happen."""


class _Pending:
    """What waits for the next commit.

    Attributes:
        new: Pictures of new content.
        known: By id, new or updated entries, each with the id of the picture whose vector and thumbnail it takes.
    """

    def __init__(self) -> None:
        self.new: list[Picture] = []
        self.known: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self.new) + len(self.known)


class Ingest:
    """One run of indexing over one store.

    Args:
        store: An existing gallery, with the writer's lock held.
        entries: Its catalogue.
        encoder: The gallery's model.
        progress: Told what happens.
        commit_rows: Commit after so many pictures at the latest.
        commit_seconds: Commit after so many seconds at the latest.
        decoder: Makes what decodes and encodes files; another one does so elsewhere.
    """

    def __init__(
        self,
        store: Store,
        entries: Sequence[Entry],
        encoder: Encoder,
        progress: Progress,
        *,
        commit_rows: int = COMMIT_ROWS,
        commit_seconds: float = COMMIT_SECONDS,
        decoder: MakeDecoder = Decoder,
    ) -> None:
        self._store = store
        self._progress = progress
        self._commit_rows = commit_rows
        self._commit_seconds = commit_seconds
        self._register = Register(entries)
        self._groups = Groups(entries, store.table.vectors)
        self._decoder = decoder(encoder, self._is_known)
        self._stored_ids = set(self._register.by_id)
        self._stored_paths = set(self._register.by_path)
        self._gone: dict[str, Entry] = {}
        self._pending = _Pending()
        self._skipped: list[tuple[Path, str]] = []
        self._undecodable: list[SkippedFile] = []
        self._last_commit = time.monotonic()
        self._counts = {"added": 0, "changed": 0, "moved": 0, "removed": 0, "unchanged": 0}

    def run(self, found: Scan, difference: Difference) -> IndexReport:
        """Do what the difference asks for.

        Args:
            found: What lies on disk.
            difference: How the catalogue differs from it.

        Returns:
            What was done.

        Raises:
            GalleryError: The gallery cannot be written; what was committed before stays.
            KeyboardInterrupt: Ctrl-C; what was decoded so far has been committed.
        """
        started = time.monotonic()
        self._gone = {entry.id: entry for entry in difference.gone}
        self._counts["unchanged"] = difference.unchanged
        for path, reason in found.problems:
            self._skip(path, reason)
        remembered = self._store.read_skipped()
        todo = self._without_known_failures(found, difference, remembered)
        self._progress.start(len(todo))
        try:
            self._fill(found)
            self._read(todo)
        except KeyboardInterrupt:
            self._commit()
            raise
        self._commit()
        self._remove_gone()
        if set(self._undecodable) != set(remembered):
            self._store.write_skipped(sorted(self._undecodable, key=lambda file: file.path))
        return IndexReport(
            **self._counts,
            skipped=tuple(self._skipped),
            total=len(self._register.by_path),
            seconds=time.monotonic() - started,
        )

    def _without_known_failures(
        self, found: Scan, difference: Difference, remembered: Sequence[SkippedFile]
    ) -> list[Found]:
        """Leave out files that failed before and have not changed since; they are reported again."""
        failed = {(file.path, file.size_bytes, file.mtime_ns): file for file in remembered}
        self._undecodable = [file for file in remembered if not found.covers(file.path)]
        todo = []
        for file in sorted(difference.new + difference.changed, key=_reading_order):
            record = failed.get((file.path, file.size_bytes, file.mtime_ns))
            if record is None:
                todo.append(file)
            else:
                self._undecodable.append(record)
                self._skip(Path(file.path), record.reason)
        return todo

    def _fill(self, found: Scan) -> None:
        """Complete rows that an older stbir wrote, without encoding them again."""
        bare = [e for e in self._register.by_path.values() if e.perceptual_hash is None and e.path in found.files]
        for start in range(0, len(bare), FILL_ROWS):
            rows = self._store.table.pictures([entry.id for entry in bare[start : start + FILL_ROWS]])
            complete = [filled(picture) for picture in rows.values()]
            groups = self._groups.assign([(picture.entry, picture.vector) for picture in complete])
            with uninterrupted():
                for row, (picture, group) in enumerate(zip(complete, groups, strict=True)):
                    entry = replace(picture.entry, group=group)
                    self._register.update(self._register.by_id[entry.id], entry)
                    complete[row] = replace(picture, entry=entry)
                self._store.table.replace(complete, "id")

    def _read(self, todo: Sequence[Found]) -> None:
        """Decode files and take in what they hold."""
        with closing(self._decoder.decode_all(todo)) as outcomes:
            for file, outcome in outcomes:
                try:
                    self._take(_checked(outcome))
                except ImageError as error:
                    self._refuse(file, error)
                self._progress.advance()
                self._commit_in_time()

    def _is_known(self, digest: str) -> bool:
        return bool(self._register.with_content(digest))

    def _refuse(self, file: Found, error: ImageError) -> None:
        """Report a file that cannot be used; if it is no picture, remember that, and drop the one that lay there."""
        reason = str(error).removeprefix(file.path).removeprefix("the picture").strip(" :")
        self._skip(Path(file.path), reason)
        if error.is_passing:
            return
        self._undecodable.append(
            SkippedFile(path=file.path, size_bytes=file.size_bytes, mtime_ns=file.mtime_ns, reason=reason)
        )
        if old := self._register.by_path.get(file.path):
            self._gone[old.id] = old

    def _skip(self, path: Path, reason: str) -> None:
        self._skipped.append((path, reason))
        self._progress.skip(path, reason)

    def _take(self, decoded: Decoded) -> None:
        """Note what has to be stored for a file.

        Raises:
            ImageError: The content was known when it was read, is not any more, and cannot be read again.
        """
        known = self._register.with_content(decoded.content_hash)
        while decoded.vector is None and not known:  # forgotten since, or the file changes all the time
            decoded = self._decoder.decode(decoded.file)
            known = self._register.with_content(decoded.content_hash)
        if known or decoded.vector is None:
            self._take_known(decoded.file, known)
            return
        entry = self._enter(decoded.file, _described(decoded))
        self._pending.new.append(Picture(entry, decoded.vector, decoded.thumbnail))

    def _take_known(self, file: Found, known: Sequence[Entry]) -> None:
        """A file whose content is in the gallery: only touched, moved from elsewhere, or a second copy."""
        old = self._register.by_path.get(file.path)
        if old is not None and old in known:
            self._reuse(old, file)
            self._counts["unchanged"] += 1
            return
        for entry in known if old is None else ():
            if entry.id in self._gone or is_missing(entry.path):
                self._gone.pop(entry.id, None)
                self._reuse(entry, file)
                self._counts["moved"] += 1
                return
        source = known[0]
        entry = self._enter(file, source)
        self._pending.known[entry.id] = self._stored_source(source.id)

    def _enter(self, file: Found, like: Entry) -> Entry:
        self._counts["changed" if file.path in self._register.by_path else "added"] += 1
        return self._register.enter(file, like)

    def _reuse(self, entry: Entry, file: Found) -> None:
        """Keep a picture's id, vector and thumbnail under the path and time that the file has now."""
        self._register.reuse(entry, file)
        self._pending.known[entry.id] = self._stored_source(entry.id)

    def _stored_source(self, picture_id: str) -> str:
        """Whose row holds the vector: the picture's own, or while it waits itself, the one it takes it from."""
        return self._pending.known.get(picture_id, picture_id)

    def _commit_in_time(self) -> None:
        if len(self._pending) >= self._commit_rows or time.monotonic() - self._last_commit > self._commit_seconds:
            self._commit()

    def _commit(self) -> None:
        """Store what waits: new paths are added, known ids and known paths are replaced."""
        with uninterrupted():
            groups = self._groups.assign([(picture.entry, picture.vector) for picture in self._pending.new])
            for picture, group in zip(self._pending.new, groups, strict=True):
                self._set_group(picture.entry.id, group)
            fresh = {picture.entry.id: picture for picture in self._pending.new}
            wanted = set(self._pending.known.values()) - set(fresh)
            sources = {**(self._store.table.pictures(sorted(wanted)) if wanted else {}), **fresh}
            for picture_id, source_id in self._pending.known.items():
                if picture_id != source_id:
                    self._set_group(picture_id, self._register.by_id[source_id].group or source_id)
            ids = {**dict.fromkeys(fresh), **dict.fromkeys(self._pending.known)}
            self._store_rows([self._row(picture_id, sources) for picture_id in ids])
            self._pending = _Pending()
            self._last_commit = time.monotonic()

    def _set_group(self, picture_id: str, group: str | None) -> None:
        entry = self._register.by_id[picture_id]
        self._register.update(entry, replace(entry, group=group))

    def _row(self, picture_id: str, sources: Mapping[str, Picture]) -> Picture:
        """A picture's newest entry with the vector and thumbnail of its content."""
        source = sources[self._pending.known.get(picture_id, picture_id)]
        return Picture(self._register.by_id[picture_id], source.vector, source.thumbnail)

    def _store_rows(self, pictures: Sequence[Picture]) -> None:
        by_id = [p for p in pictures if p.entry.id in self._stored_ids]
        rest = [p for p in pictures if p.entry.id not in self._stored_ids]
        by_path = [p for p in rest if p.entry.path in self._stored_paths]
        new = [p for p in rest if p.entry.path not in self._stored_paths]
        if by_id:
            self._store.table.replace(by_id, "id")
        if by_path:
            self._store.table.replace(by_path, "path")
        if new:
            self._store.table.add(new)
        self._stored_ids.update(p.entry.id for p in pictures)
        self._stored_paths.update(p.entry.path for p in pictures)

    def _remove_gone(self) -> None:
        """Remove pictures whose file is no longer there or no longer a picture."""
        if self._gone:
            with uninterrupted():
                self._store.table.delete(sorted(self._gone))
            for entry in self._gone.values():
                self._register.by_path.pop(entry.path, None)
            self._counts["removed"] = len(self._gone)


def _reading_order(file: Found) -> tuple[str, int, str]:
    """By path; the files of one archive in its own order."""
    return file.archive or file.path, file.place, file.path


def _checked(outcome: Decoded | ImageError) -> Decoded:
    if isinstance(outcome, ImageError):
        raise outcome
    return outcome


def _described(decoded: Decoded) -> Entry:
    """What is known of new content, before it has an id."""
    width, height = decoded.size_px
    return Entry(
        id="",
        path=decoded.file.path,
        root=decoded.file.root,
        size_bytes=decoded.file.size_bytes,
        mtime_ns=decoded.file.mtime_ns,
        content_hash=decoded.content_hash,
        width=width,
        height=height,
        taken=decoded.photo.taken,
        camera=decoded.photo.camera,
        perceptual_hash=decoded.perceptual_hash,
    )
