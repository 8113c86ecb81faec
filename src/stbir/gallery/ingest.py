"""Bring a gallery up to date with folders of pictures: scan, decode in a pool of threads, encode in batches, commit.

A commit is made every few seconds; a process that is killed loses what came after the last one and nothing else, and
the next run goes on from there. Files that cannot be used are reported and passed over.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from stbir.errors import ImageError
from stbir.files import is_gone
from stbir.gallery.catalogue import Entry, IndexReport, Picture, SkippedFile
from stbir.gallery.decode import Decoded, decode, decode_all
from stbir.gallery.lock import uninterrupted
from stbir.gallery.scan import Difference, Found, Scan
from stbir.gallery.store import Store
from stbir.model.encoder import Encoder

ID_DIGITS = 12
COMMIT_SECONDS = 5.0
COMMIT_ROWS = 2000


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
        decoded: Pictures to encode, with their new entries.
        encoded: Pictures with vectors.
        known: By id, new or updated entries, each with the id of the picture whose vector and thumbnail it takes.
    """

    def __init__(self) -> None:
        self.decoded: list[tuple[Entry, Decoded]] = []
        self.encoded: list[Picture] = []
        self.known: dict[str, tuple[Entry, str]] = {}

    def __len__(self) -> int:
        return len(self.decoded) + len(self.encoded) + len(self.known)


class Ingest:
    """One run of indexing over one store.

    Args:
        store: An existing gallery, with the writer's lock held.
        entries: Its catalogue.
        encoder: The gallery's model.
        progress: Told what happens.
        commit_rows: Commit after so many pictures at the latest.
        commit_seconds: Commit after so many seconds at the latest.
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
    ) -> None:
        self._store = store
        self._encoder = encoder
        self._progress = progress
        self._commit_rows = commit_rows
        self._commit_seconds = commit_seconds
        self._by_path = {entry.path: entry for entry in entries}
        self._by_hash: dict[str, list[Entry]] = {}
        for entry in entries:
            self._by_hash.setdefault(entry.content_hash, []).append(entry)
        self._ids = {entry.id for entry in entries}
        self._stored_ids = set(self._ids)
        self._stored_paths = set(self._by_path)
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
            total=len(self._by_path),
            seconds=time.monotonic() - started,
        )

    def _without_known_failures(
        self, found: Scan, difference: Difference, remembered: Sequence[SkippedFile]
    ) -> list[Found]:
        """Leave out files that failed before and have not changed since; they are reported again."""
        failed = {(file.path, file.size_bytes, file.mtime_ns): file for file in remembered}
        self._undecodable = [file for file in remembered if not found.covers(file.path)]
        todo = []
        for file in sorted(difference.new + difference.changed, key=lambda file: file.path):
            record = failed.get((file.path, file.size_bytes, file.mtime_ns))
            if record is None:
                todo.append(file)
            else:
                self._undecodable.append(record)
                self._skip(Path(file.path), record.reason)
        return todo

    def _read(self, todo: Sequence[Found]) -> None:
        """Decode files and take in what they hold."""
        with closing(decode_all(todo, self._encoder, self._is_known)) as outcomes:
            for file, outcome in outcomes:
                if isinstance(outcome, ImageError):
                    self._refuse(file, outcome)
                else:
                    self._take(outcome)
                self._progress.advance()

    def _is_known(self, digest: str) -> bool:
        return digest in self._by_hash

    def _refuse(self, file: Found, error: ImageError) -> None:
        """Report a file that cannot be used; if it is no picture, remember that, and drop the one that lay there."""
        reason = str(error).removeprefix(file.path).strip(" :")
        if error.is_passing:
            self._skip(Path(file.path), reason)
            return
        self._undecodable.append(
            SkippedFile(path=file.path, size_bytes=file.size_bytes, mtime_ns=file.mtime_ns, reason=reason)
        )
        self._skip(Path(file.path), reason)
        if old := self._by_path.get(file.path):
            self._gone[old.id] = old

    def _skip(self, path: Path, reason: str) -> None:
        self._skipped.append((path, reason))
        self._progress.skip(path, reason)

    def _take(self, decoded: Decoded) -> None:
        """Note what has to be stored for a file, and encode or commit when enough waits."""
        known = self._by_hash.get(decoded.content_hash)
        if known:
            self._take_known(decoded.file, known)
        else:
            if decoded.frame is None:
                decoded = decode(decoded.file, self._encoder, self._is_known)
            entry = self._new_entry(decoded.file, decoded.content_hash, decoded.size_px)
            self._pending.decoded.append((entry, decoded))
        if len(self._pending.decoded) >= self._encoder.batch_size:
            self._encode()
        if len(self._pending) >= self._commit_rows or time.monotonic() - self._last_commit > self._commit_seconds:
            self._commit()

    def _take_known(self, file: Found, known: list[Entry]) -> None:
        """A file whose content is in the gallery: only touched, moved from elsewhere, or a second copy."""
        old = self._by_path.get(file.path)
        if old is not None and old in known:
            self._reuse(old, file)
            self._counts["unchanged"] += 1
            return
        source = known[0]
        for entry in known if old is None else ():
            if entry.id in self._gone or is_gone(entry.path):
                self._gone.pop(entry.id, None)
                del self._by_path[entry.path]
                self._reuse(entry, file)
                self._counts["moved"] += 1
                return
        entry = self._new_entry(file, source.content_hash, (source.width, source.height))
        self._pending.known[entry.id] = (entry, self._stored_source(source.id))

    def _reuse(self, entry: Entry, file: Found) -> None:
        """Keep a picture's id, vector and thumbnail under the path and time that the file has now."""
        updated = replace(entry, path=file.path, root=file.root, size_bytes=file.size_bytes, mtime_ns=file.mtime_ns)
        same_content = self._by_hash[entry.content_hash]
        same_content[same_content.index(entry)] = updated
        self._by_path[file.path] = updated
        self._pending.known[entry.id] = (updated, self._stored_source(entry.id))

    def _stored_source(self, picture_id: str) -> str:
        """Whose row holds the vector: the picture's own, or while it waits itself, the one it takes it from."""
        return self._pending.known[picture_id][1] if picture_id in self._pending.known else picture_id

    def _new_entry(self, file: Found, digest: str, size_px: tuple[int, int]) -> Entry:
        """Enter a file in the catalogue under a new id; a picture that lay at its path before is forgotten."""
        old = self._by_path.get(file.path)
        if old is not None:
            same_content = self._by_hash[old.content_hash]
            same_content.remove(old)
            if not same_content:
                del self._by_hash[old.content_hash]
        self._counts["added" if old is None else "changed"] += 1
        entry = Entry(
            self._new_id(digest), file.path, file.root, file.size_bytes, file.mtime_ns, digest, size_px[0], size_px[1]
        )
        self._by_path[file.path] = entry
        self._by_hash.setdefault(digest, []).append(entry)
        return entry

    def _new_id(self, digest: str) -> str:
        """The first digits of the hash; further copies of the same content get -2, -3, ..."""
        picture_id = short = digest[:ID_DIGITS]
        number = 1
        while picture_id in self._ids:
            number += 1
            picture_id = f"{short}-{number}"
        self._ids.add(picture_id)
        return picture_id

    def _encode(self) -> None:
        """Encode what is decoded."""
        waiting = self._pending.decoded
        if waiting:
            vectors = self._encoder.encode_images(
                [decoded.frame for _, decoded in waiting if decoded.frame is not None]
            )
            with uninterrupted():
                for (entry, decoded), vector in zip(waiting, vectors, strict=True):
                    self._pending.encoded.append(Picture(entry, vector, decoded.thumbnail))
                self._pending.decoded = []

    def _commit(self) -> None:
        """Store what waits: new paths are added, known ids and known paths are replaced."""
        self._encode()
        with uninterrupted():
            pictures = self._pending.encoded
            fresh = {picture.entry.id: picture for picture in pictures}
            wanted = {source for _, source in self._pending.known.values()} - set(fresh)
            stored = self._store.table.pictures(sorted(wanted)) if wanted else {}
            for entry, source_id in self._pending.known.values():
                source = fresh.get(source_id) or stored[source_id]
                pictures.append(Picture(entry, source.vector, source.thumbnail))
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
            self._pending = _Pending()
            self._last_commit = time.monotonic()

    def _remove_gone(self) -> None:
        """Remove pictures whose file is no longer there or no longer a picture."""
        if self._gone:
            with uninterrupted():
                self._store.table.delete(sorted(self._gone))
            for entry in self._gone.values():
                self._by_path.pop(entry.path, None)
            self._counts["removed"] = len(self._gone)
