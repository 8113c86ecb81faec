"""Patterns of paths, such as `photos/**/*.jpg`, that the shell did not fill in."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

_PIECES = re.compile(r"\*\*/|\*\*|\*|\?|\[!?\]?[^\]/]*\]|.", re.DOTALL)
_MAGIC = re.compile(r"[*?\[]")


@dataclass(frozen=True)
class Glob:
    """A pattern and the folder below which it can match.

    Attributes:
        pattern: Absolute, with `*` (within one name), `?`, `[abc]`, `**` (any folders).
        root: The part before the first name with a wildcard.
    """

    pattern: str
    root: str

    @classmethod
    def parse(cls, pattern: str) -> Glob | None:
        """Read a pattern; None if there is no wildcard in it.

        >>> Glob.parse("/photos/*/red/**/*.jpg").root
        '/photos'
        """
        magic = _MAGIC.search(pattern)
        if magic is None:
            return None
        return cls(pattern, pattern[: magic.start()].rpartition(os.sep)[0] or os.sep)

    def matches(self, path: str) -> bool:
        """Whether a path fits.

        >>> Glob.parse("/photos/**/*.jpg").matches("/photos/a/b/c.jpg")
        True
        """
        return re.fullmatch(_expression(self.pattern.replace(os.sep, "/")), path.replace(os.sep, "/")) is not None


def _expression(pattern: str) -> str:
    """The pattern as a regular expression."""
    return "".join(_translated(piece) for piece in _PIECES.findall(pattern))


def _translated(piece: str) -> str:
    if piece == "**/":
        return "(?:[^/]+/)*"
    if piece == "**":
        return ".*"
    if piece == "*":
        return "[^/]*"
    if piece == "?":
        return "[^/]"
    if len(piece) > 1:
        negation = "^" if piece[1] == "!" else ""
        inside = piece[1:-1].removeprefix("!").replace("\\", r"\\").replace("^", r"\^")
        return f"[{negation}{inside}]"
    return re.escape(piece)
