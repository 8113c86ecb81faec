"""The catalogue in memory while a gallery is brought up to date: which content lies where, and under which id."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from stbir.gallery.catalogue import Entry
from stbir.gallery.scan import Found

ID_DIGITS = 12


class Register:
    """Entries by path, by id and by content.

    Args:
        entries: The catalogue as it is stored.

    Attributes:
        by_path: The present pictures.
        by_id: All that were ever seen in this run, replaced ones included.
    """

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.by_path: dict[str, Entry] = {}
        self.by_id: dict[str, Entry] = {}
        self._by_hash: dict[str, list[Entry]] = {}
        for entry in entries:
            self.by_path[entry.path] = self.by_id[entry.id] = entry
            self._by_hash.setdefault(entry.content_hash, []).append(entry)

    def with_content(self, digest: str) -> Sequence[Entry]:
        """The pictures with this content."""
        return self._by_hash.get(digest, ())

    def enter(self, file: Found, like: Entry) -> Entry:
        """Enter a file under a new id; a picture that lay at its path before is forgotten.

        Args:
            file: Where it lies.
            like: An entry with the same content.

        Returns:
            The new entry.
        """
        old = self.by_path.get(file.path)
        if old is not None:
            same_content = self._by_hash[old.content_hash]
            same_content.remove(old)
            if not same_content:
                del self._by_hash[old.content_hash]
        entry = _placed(replace(like, id=self._new_id(like.content_hash)), file)
        self.by_path[file.path] = self.by_id[entry.id] = entry
        self._by_hash.setdefault(entry.content_hash, []).append(entry)
        return entry

    def reuse(self, entry: Entry, file: Found) -> Entry:
        """Keep a picture's id under the path and time that its file has now."""
        if entry.path != file.path:
            self.by_path.pop(entry.path, None)
        return self.update(entry, _placed(entry, file))

    def update(self, entry: Entry, updated: Entry) -> Entry:
        """Put an entry with the same id and content in place of another."""
        same_content = self._by_hash[entry.content_hash]
        same_content[same_content.index(entry)] = updated
        self.by_path[updated.path] = self.by_id[updated.id] = updated
        return updated

    def _new_id(self, digest: str) -> str:
        """The first digits of the hash; further copies of the same content get -2, -3, ..."""
        picture_id = short = digest[:ID_DIGITS]
        number = 1
        while picture_id in self.by_id:
            number += 1
            picture_id = f"{short}-{number}"
        return picture_id


def _placed(entry: Entry, file: Found) -> Entry:
    return replace(
        entry,
        path=file.path,
        root=file.root,
        size_bytes=file.size_bytes,
        mtime_ns=file.mtime_ns,
        archive=file.archive,
    )
