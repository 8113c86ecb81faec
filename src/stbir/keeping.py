"""What keeps a gallery sound and takes it elsewhere: the half of `stbir.Gallery` that asks no queries."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from stbir.archives import is_missing
from stbir.errors import GalleryError
from stbir.gallery.catalogue import Entry
from stbir.gallery.export import Exported, export_parquet
from stbir.gallery.lock import writer_lock
from stbir.gallery.metadata import Attached, attach, read_sheet
from stbir.gallery.repair import Repair, repair
from stbir.gallery.scan import is_below
from stbir.gallery.store import Store
from stbir.gallery.table import KEEP_OLD_VERSIONS
from stbir.gallery.update import open_index, read_catalogue
from stbir.gallery.verify import Check, verify
from stbir.gallery.versions import Version, list_versions, pin, roll_back, unpin
from stbir.model.encoder import Encoder


class Keeping(ABC):
    """Upkeep of one gallery.

    Attributes:
        path: Its directory.
        read_only: Whether nothing may be written to it.
    """

    path: Path
    read_only: bool

    @abstractmethod
    def _existing(self) -> Store:
        """The store that lies there now; `GalleryError` if there is none."""

    @abstractmethod
    def _checked_encoder(self, store: Store | None) -> Encoder:
        """The encoder, if its model is the one that made the gallery."""

    def remove(
        self, ids: str | Sequence[str] = (), *, under: Path | str | None = None, missing: bool = False
    ) -> list[Entry]:
        """Forget pictures; the files are not touched, and an `index` of their folder brings them back.

        Args:
            ids: Which ones, by id; one id or several.
            under: And all below this folder.
            missing: And all whose file is no longer there.

        Returns:
            What was removed.

        Raises:
            GalleryError: An id is unknown, nothing lies below the folder, or the gallery cannot be written.
        """
        chosen = {ids} if isinstance(ids, str) else set(ids)
        with self._writing() as store:
            entries = read_catalogue(store)
            if unknown := chosen - {entry.id for entry in entries}:
                raise GalleryError(
                    f"the gallery {self.path} has no picture with the id {', '.join(sorted(unknown))}: "
                    "see stbir gallery list"
                )
            folder = None if under is None else os.path.normpath(Path(under).absolute())
            if folder is not None and not any(is_below(entry.path, folder) for entry in entries):
                raise GalleryError(
                    f"the gallery {self.path} has no picture below {under}: see its folders with stbir gallery info"
                )
            removed = [
                entry
                for entry in entries
                if entry.id in chosen
                or (folder is not None and is_below(entry.path, folder))
                or (missing and is_missing(entry.path))
            ]
            if removed:
                store.table.delete([entry.id for entry in removed])
                open_index(store)
        return removed

    def verify(self, *, files: bool = False) -> Check:
        """Read every row of the gallery and check it; needs no model.

        Args:
            files: Whether every picture's file is read too and compared with what was encoded.
        """
        return verify(self._existing(), files=files)

    def repair(self) -> Repair:
        """Make a damaged gallery sound: encode anew what can be, drop what cannot, rebuild index and quick copy.

        Raises:
            ModelMismatchError: The gallery was made with another model.
            GalleryError: No state of it can be opened any more, or it cannot be written.
        """
        with self._writing() as store:
            return repair(store, self._checked_encoder(store))

    def compact(self, *, keep_versions: timedelta = KEEP_OLD_VERSIONS) -> int:
        """Join what many commits have scattered, bring the index up to date and drop old versions now.

        Args:
            keep_versions: Versions younger than this stay; while one is pinned, all do.

        Returns:
            By how many bytes the gallery became smaller.

        Raises:
            GalleryError: It cannot be written.
        """
        with self._writing() as store:
            before = store.num_bytes()
            store.files.compact(keep_versions)
            open_index(store)
            return before - store.num_bytes()

    def versions(self) -> list[Version]:
        """All states of the gallery that can still be gone back to, the oldest first."""
        return list_versions(self._existing())

    def pin(self, name: str, version: int | str | None = None) -> Version:
        """Keep a version under a name, however old it becomes.

        Args:
            name: Letters, digits, dots, underscores, hyphens.
            version: Its number or another name; None for the present state.

        Raises:
            GalleryError: The name is taken, there is no such version, or the gallery cannot be written.
        """
        with self._writing() as store:
            return pin(store, name, version)

    def unpin(self, name: str) -> None:
        """Let a pinned version go with the others of its age.

        Raises:
            GalleryError: There is no such pin, or the gallery cannot be written.
        """
        with self._writing() as store:
            unpin(store, name)

    def rollback(self, version: int | str) -> Version:
        """Make an older state the present one; that is a new version, so it can be undone.

        Args:
            version: Its number, or the name of its pin.

        Raises:
            GalleryError: There is no such version, or the gallery cannot be written.
        """
        with self._writing() as store:
            found = roll_back(store, version)
            if len(store.table):
                open_index(store)
            return found

    def export(self, file: Path | str) -> Exported:
        """Write the gallery to one Parquet file, vectors and thumbnails and own columns included.

        Args:
            file: Where.

        Raises:
            InputError: The file cannot be written.
        """
        return export_parquet(self._existing(), file)

    def attach_metadata(self, file: Path | str) -> Attached:
        """Give pictures columns of your own, for `where`.

        Args:
            file: CSV, TSV, JSON or JSON lines; each row names a picture by `id`, `path` or `name`.

        Returns:
            What was done.

        Raises:
            InputError: The file cannot be used.
            GalleryError: The gallery cannot be written.
        """
        sheet = read_sheet(file)
        with self._writing() as store:
            attached = attach(store, sheet)
            open_index(store)
        return attached

    def columns(self) -> Mapping[str, str]:
        """Names and types of the columns of your own."""
        return {name: str(kind) for name, kind in self._existing().files.own_columns().items()}

    @contextmanager
    def _writing(self) -> Iterator[Store]:
        """The store, in this version's schema, with the writer's lock held."""
        self._check_writable()
        with writer_lock(self._existing().path):
            store = self._existing()
            with store.held():
                yield store.migrate()

    def _check_writable(self) -> None:
        if self.read_only:
            raise GalleryError(
                f"the gallery {self.path} was opened for reading only: open it without read_only to change it"
            )
