"""What can be wrong with a data set: one record per finding, in words a person can act on. Reads nothing."""

from __future__ import annotations

from dataclasses import dataclass

ERROR = "error"
WARNING = "warning"

KINDS = {
    "format": "cannot be read as this format",
    "pickle": "pickles and .mat files, which are never loaded",
    "id": "ids that are used twice",
    "outside": "paths that lead out of the data set",
    "missing": "files that are missing",
    "unreadable": "files that cannot be read",
    "over-limit": "files over the limits",
    "blank": "drawings without ink",
    "mismatch": "files that are not what is said of them",
    "leakage": "the same thing in several splits",
    "duplicate": "the same content twice",
    "near-duplicate": "pictures that look the same",
    "text": "empty or repeated texts",
    "unpaired": "rows that lack a picture, a drawing or a text",
    "count": "other numbers than published",
    "unused": "files that no row names",
}
"""Kinds of findings and the heading of each, in the order of a report."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding.

    Attributes:
        kind: A name in `KINDS`.
        severity: "error", or "warning" for what may be meant so.
        place: The file with its line, or the file alone, relative to the data set.
        message: What was found, what was expected and what to do, in one line.
        row: Id of the row, where it is one row's.
    """

    kind: str
    severity: str
    place: str
    message: str
    row: str | None = None

    def __str__(self) -> str:
        """One line, safe to print whatever a file is called."""
        return printable(f"{self.place}: {self.message}" if self.place else self.message)


def printable(text: str) -> str:
    """The text on one line: whatever would break the line or a terminal is escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)
