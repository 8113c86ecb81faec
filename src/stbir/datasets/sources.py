"""The files behind a data set: a folder, or a zip that is read in place and never unpacked.

Names are relative, with forward slashes, and cannot lead out; every read has a size limit that holds for the unpacked
bytes too, so a zip bomb costs at most that much memory. Imports no model and nothing that decodes pictures.
"""

from __future__ import annotations

import os
import threading
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

from stbir.datasets.manifest import check_path
from stbir.errors import DatasetError
from stbir.files import read_regular_file

MAX_FILE_BYTES = 256_000_000
MAX_ENTRIES = 4_000_000

_LITTER = frozenset({"__MACOSX", "Thumbs.db", "desktop.ini"})
_OTHER_ARCHIVES = (".tar", ".tgz", ".tbz2", ".txz", ".gz", ".bz2", ".xz", ".zst", ".7z", ".rar")


class Files(Protocol):
    """Read access to the files of a data set."""

    @property
    def name(self) -> str:
        """What errors call it: the folder or the zip."""
        ...

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        ...

    def read(self, name: str, max_bytes: int = MAX_FILE_BYTES) -> bytes:
        """Content of a file; `DatasetError` names it where it is missing, too large, damaged or outside."""
        ...

    def names(self) -> tuple[str, ...]:
        """All files, sorted, as they are called there: a zip may hold names that `read` refuses.

        Hidden files and what archivers leave behind are left out; links to folders are not followed.
        """
        ...


class FolderFiles:
    """A data set in a folder.

    Args:
        root: The folder. Links inside it may not lead out of it.
    """

    def __init__(self, root: Path) -> None:
        if not root.is_dir():
            raise DatasetError(f"{root} is not a folder: give a data set's folder or zip")
        self.root = root
        self.name = str(root)
        self._resolved = root.resolve()
        self._names: tuple[str, ...] | None = None

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        return self._locate(name).is_file()

    def read(self, name: str, max_bytes: int = MAX_FILE_BYTES) -> bytes:
        """Content of a file, at most `max_bytes`."""
        return read_regular_file(self._locate(name), max_bytes, DatasetError)

    def names(self) -> tuple[str, ...]:
        """All files below the folder."""
        if self._names is None:
            found = []
            for name in self._walk():
                found.append(name)
                if len(found) > MAX_ENTRIES:
                    raise DatasetError(f"{self.name} holds more than the {MAX_ENTRIES:,} files allowed: split it")
            self._names = tuple(sorted(found))
        return self._names

    def _walk(self) -> Iterator[str]:
        for folder, folders, names in os.walk(self.root):
            folders[:] = [name for name in folders if not _is_litter(name)]
            start = Path(folder).relative_to(self.root).as_posix()
            yield from (name if start == "." else f"{start}/{name}" for name in names if not _is_litter(name))

    def _locate(self, name: str) -> Path:
        path = self.root / _checked(name, self.name)
        if not path.resolve().is_relative_to(self._resolved):
            raise DatasetError(f"{path} is a link out of the data set: replace it by the file")
        return path


class ZipFiles:
    """A data set in a zip file, read in place; safe to share between threads and with forked workers.

    Args:
        path: The zip.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = str(path)
        self._lock = threading.Lock()
        self._archive: zipfile.ZipFile | None = None
        self._owner = 0
        self._opened()

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        return self._entry(name) is not None

    def read(self, name: str, max_bytes: int = MAX_FILE_BYTES) -> bytes:
        """Content of a file, at most `max_bytes` after unpacking."""
        archive = self._opened()
        entry = self._entry(name)
        if entry is None:
            raise DatasetError(f"{self.name} holds no file {name!r}: the data set is incomplete, get it again")
        try:
            with archive.open(entry) as file:
                content = file.read(max_bytes + 1)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError) as error:
            raise DatasetError(f"{self.name}: {name!r} cannot be unpacked ({error}): get the zip again") from None
        if len(content) > max_bytes:
            raise DatasetError(
                f"{self.name}: {name!r} has more than the {max_bytes:,} bytes allowed: give a smaller file"
            )
        return content

    def names(self) -> tuple[str, ...]:
        """All files of the zip; one that is in it twice is named twice."""
        entries = (entry.filename for entry in self._opened().infolist() if not entry.is_dir())
        return tuple(sorted(name for name in entries if not any(map(_is_litter, name.split("/")))))

    def __getstate__(self) -> dict[str, object]:
        return {"path": self.path}

    def __setstate__(self, state: Mapping[str, Path]) -> None:
        self.__init__(state["path"])  # type: ignore[misc]

    def _entry(self, name: str) -> zipfile.ZipInfo | None:
        try:
            return self._opened().getinfo(_checked(name, self.name))
        except KeyError:
            return None

    def _opened(self) -> zipfile.ZipFile:
        """The archive, opened anew after a fork: processes must not share a file position."""
        with self._lock:
            if self._archive is None or self._owner != os.getpid():
                self._archive = self._open()
                self._owner = os.getpid()
            return self._archive

    def _open(self) -> zipfile.ZipFile:
        if not self.path.is_file():
            raise DatasetError(f"{self.path} is not a zip file: give a data set's folder or zip")
        try:
            archive = zipfile.ZipFile(self.path)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise DatasetError(f"{self.path} is not a readable zip ({error}): get it again") from None
        if len(archive.infolist()) > MAX_ENTRIES:
            raise DatasetError(f"{self.path} has more than the {MAX_ENTRIES:,} entries allowed: split it")
        return archive


class MountedFiles:
    """Several sources as one, each under its own folder name.

    Args:
        mounts: Folder name to source; the one under "" answers for every other name.
    """

    def __init__(self, mounts: Mapping[str, Files]) -> None:
        self.mounts = dict(mounts)
        self.name = self.mounts[""].name

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        source, inner = self._resolve(name)
        return source.has(inner)

    def read(self, name: str, max_bytes: int = MAX_FILE_BYTES) -> bytes:
        """Content of a file, at most `max_bytes`."""
        source, inner = self._resolve(name)
        return source.read(inner, max_bytes)

    def names(self) -> tuple[str, ...]:
        """All files of all sources."""
        found = ((folder, name) for folder, files in self.mounts.items() for name in files.names())
        return tuple(sorted(f"{folder}/{name}" if folder else name for folder, name in found))

    def _resolve(self, name: str) -> tuple[Files, str]:
        folder, _, inner = name.partition("/")
        if folder and inner and folder in self.mounts:
            return self.mounts[folder], inner
        return self.mounts[""], name


class Subfolder:
    """A folder of a source as a source of its own.

    Args:
        files: The source.
        folder: Its folder, without a slash at the end.
    """

    def __init__(self, files: Files, folder: str) -> None:
        self.files = files
        self.folder = folder
        self.name = f"{files.name}/{folder}"

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        return self.files.has(f"{self.folder}/{_checked(name, self.name)}")

    def read(self, name: str, max_bytes: int = MAX_FILE_BYTES) -> bytes:
        """Content of a file, at most `max_bytes`."""
        return self.files.read(f"{self.folder}/{_checked(name, self.name)}", max_bytes)

    def names(self) -> tuple[str, ...]:
        """All files below the folder."""
        start = f"{self.folder}/"
        return tuple(name.removeprefix(start) for name in self.files.names() if name.startswith(start))


class Chosen:
    """A source of which one file was named: others of its kind are not listed.

    Args:
        files: The source.
        chosen: The file, such as `val_manifest.jsonl`.
    """

    def __init__(self, files: Files, chosen: str) -> None:
        self.files = files
        self.chosen = chosen
        self.name = files.name

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        return self.files.has(name)

    def read(self, name: str, max_bytes: int = MAX_FILE_BYTES) -> bytes:
        """Content of a file, at most `max_bytes`."""
        return self.files.read(name, max_bytes)

    def names(self) -> tuple[str, ...]:
        """All files but those that end like the chosen one, and the chosen one."""
        suffix = os.path.splitext(self.chosen)[1]  # noqa: PTH122
        return tuple(name for name in self.files.names() if name == self.chosen or not name.endswith(suffix))


def open_files(path: Path) -> Files:
    """Open a folder or a zip.

    Args:
        path: Either of them.

    Returns:
        Its files.

    Raises:
        DatasetError: It is neither.
    """
    if path.is_dir():
        return FolderFiles(path)
    if not path.exists():
        raise DatasetError(f"{path} does not exist: give a data set's folder or zip")
    if path.suffix.lower() in _OTHER_ARCHIVES:
        raise DatasetError(f"{path} is an archive that cannot be read in place: unpack it, or pack it as a zip")
    return ZipFiles(path)


def _is_litter(name: str) -> bool:
    return name in _LITTER or (name.startswith(".") and name not in (".", ".."))


def _checked(name: str, where: str) -> str:
    try:
        return check_path(name)
    except ValueError as error:
        raise DatasetError(f"{where}: {error}") from None
