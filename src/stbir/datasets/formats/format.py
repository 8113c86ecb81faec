"""What a layout is to the rest of the package."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from stbir.datasets.reading import Reading
from stbir.datasets.tree import Tree


@dataclass(frozen=True)
class Format:
    """A layout.

    Attributes:
        title: What it is, for a list of formats.
        fits: Whether files that lie like this are of this layout; looks at names only.
        read: Puts rows and findings into a reading.
        options: What may follow its name after a colon, and what it does.
    """

    title: str
    fits: Callable[[Tree], bool]
    read: Callable[[Reading], None]
    options: Mapping[str, str] = field(default_factory=dict)
