"""What lies where in a data set: its files by folder, and how a name in a list finds its file. Reads no file."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Collection, Sequence

from stbir.datasets.sources import Files
from stbir.images import PICTURE_SUFFIXES

SKETCH_SUFFIXES = PICTURE_SUFFIXES | {".svg", ".json", ".ndjson"}


class Tree:
    """The names of a source's files, by folder.

    Args:
        files: The source; it is listed once.
    """

    def __init__(self, files: Files) -> None:
        self.names: Sequence[str] = files.names()
        self._known = frozenset(self.names)

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        return name in self._known

    @functools.cached_property
    def folders(self) -> frozenset[str]:
        """All folders that hold files or folders, "" for the top."""
        found = {""}
        for name in self.names:
            folder = parent(name)
            while folder not in found:
                found.add(folder)
                folder = parent(folder)
        return frozenset(found)

    def ending(self, *ends: str) -> list[str]:
        """Folders that are called like this, or whose path ends so, for example `256x256/photo`."""
        return sorted(folder for folder in self.folders if any(f"/{folder}".endswith(f"/{end}") for end in ends))

    def directly(self, folder: str, suffixes: Collection[str] | None = None) -> list[str]:
        """Files in a folder, not below; of certain kinds only where suffixes such as `.png` are given."""
        return [name for name in self._in_folder.get(folder, ()) if suffixes is None or suffix(name) in suffixes]

    def below(self, folder: str, suffixes: Collection[str] | None = None) -> list[str]:
        """Files in a folder and below."""
        start = f"{folder}/" if folder else ""
        return [n for n in self.names if n.startswith(start) and (suffixes is None or suffix(n) in suffixes)]

    def locate(self, name: str) -> str:
        """The path of a file that a list calls by less than its path.

        Args:
            name: A path, or the end of one.

        Returns:
            The path of the only file that ends so; the name as it is where there is none, or several.
        """
        if name in self._known:
            return name
        found = [path for path in self._by_base.get(base(name), ()) if path.endswith(f"/{name}")]
        return found[0] if len(found) == 1 else name

    @functools.cached_property
    def _in_folder(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        for name in self.names:
            found[parent(name)].append(name)
        return found

    @functools.cached_property
    def _by_base(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        for name in self.names:
            found[base(name)].append(name)
        return found


def parent(name: str) -> str:
    """The folder of a path: `a/b.png` -> `a`, and "" for one at the top."""
    return name.rpartition("/")[0]


def base(name: str) -> str:
    """The last part of a path: `a/b.png` -> `b.png`."""
    return name.rpartition("/")[2]


def stem(name: str) -> str:
    """The last part of a path without its suffix: `a/b.x.png` -> `b.x`."""
    last = base(name)
    return last.rpartition(".")[0] or last


def suffix(name: str) -> str:
    """The suffix in small letters, with its dot: `a/b.PNG` -> `.png`."""
    _, dot, end = base(name).rpartition(".")
    return f"{dot}{end}".lower() if dot else ""


def joined(folder: str, name: str) -> str:
    """A path in a folder, "" for the top."""
    return f"{folder}/{name}" if folder else name
