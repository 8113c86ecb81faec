"""The versions of a gallery: every commit made one. List them, pin one so that it is kept, go back to one.

Old versions go when the gallery is tidied, an hour after they were replaced. While one is pinned, all stay: LanceDB
cannot leave some out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from stbir.errors import GalleryError
from stbir.gallery.failures import gallery_failures
from stbir.gallery.snapshot import drop_snapshot
from stbir.gallery.store import Store

PIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class Version:
    """One state of a gallery.

    Attributes:
        number: Counts up with every commit.
        created: When it was committed, by this machine's clock.
        num_pictures: How many pictures it holds.
        pins: Names by which it is kept.
        is_current: Whether it is the present state.
    """

    number: int
    created: datetime
    num_pictures: int
    pins: tuple[str, ...]
    is_current: bool


def list_versions(store: Store) -> list[Version]:
    """All versions that can still be gone back to, the oldest first.

    Raises:
        GalleryError: The gallery cannot be read.
    """
    table = store.files.opened()
    if table is None:
        return []
    with gallery_failures(store.path, "read the versions of"):
        pins: dict[int, list[str]] = {}
        for name, mark in table.tags.list().items():
            pins.setdefault(int(mark["version"]), []).append(name)
        found = table.list_versions()
    newest = max(int(each["version"]) for each in found)
    return [
        Version(
            number=int(each["version"]),
            created=each["timestamp"],
            num_pictures=int(each["metadata"].get("total_rows", 0)),
            pins=tuple(sorted(pins.get(int(each["version"]), ()))),
            is_current=int(each["version"]) == newest,
        )
        for each in sorted(found, key=lambda each: int(each["version"]))
    ]


def find_version(store: Store, which: int | str) -> Version:
    """A version by its number or the name of its pin.

    Raises:
        GalleryError: There is none.
    """
    for version in list_versions(store):
        if str(which) == str(version.number) or which in version.pins:
            return version
    raise GalleryError(
        f"the gallery {store.path} has no version {which!r}: see stbir gallery versions; "
        "old versions go after an hour unless they are pinned"
    )


def pin(store: Store, name: str, which: int | str | None = None) -> Version:
    """Keep a version under a name; the writer's lock is held.

    Args:
        store: The gallery.
        name: Letters, digits, dot, underscore, hyphen.
        which: The version's number or another pin of it; None for the present state.

    Returns:
        The version as it is now.

    Raises:
        GalleryError: The name cannot be used or is taken, there is no such version, or the gallery cannot be written.
    """
    if not PIN_NAME.fullmatch(name) or name.isdigit():
        raise GalleryError(
            f"a version cannot be pinned as {name!r}: give up to 64 letters, digits, dots, underscores or hyphens, "
            "and not a number"
        )
    versions = list_versions(store)
    taken = {each for version in versions for each in version.pins}
    if name in taken:
        raise GalleryError(f"the name {name!r} is taken: give another one, or run stbir gallery unpin {name} first")
    if not versions:
        raise GalleryError(f"the gallery {store.path} holds no pictures yet: run stbir index first")
    number = versions[-1].number if which is None else find_version(store, which).number
    store.files.commit("pin a version of", lambda table: table.tags.create(name, number))
    return find_version(store, number)


def unpin(store: Store, name: str) -> None:
    """Pin a version no longer; the writer's lock is held.

    Raises:
        GalleryError: Nothing is pinned under this name, or the gallery cannot be written.
    """
    if not any(name in version.pins for version in list_versions(store)):
        raise GalleryError(f"no version of {store.path} is pinned as {name!r}: see stbir gallery versions")
    store.files.commit("unpin a version of", lambda table: table.tags.delete(name))


def roll_back(store: Store, which: int | str) -> Version:
    """Make an older version the present state, as a new commit, so that this can be undone too; the lock is held.

    Args:
        store: The gallery.
        which: The version's number or the name of its pin.

    Returns:
        The present state.

    Raises:
        GalleryError: There is no such version, or the gallery cannot be written.
    """
    version = find_version(store, which)
    if not version.is_current:
        store.files.commit("go back to a version of", lambda table: table.restore(version.number))
        store.table.add_columns()
        drop_snapshot(store.path)
    return list_versions(store)[-1]
