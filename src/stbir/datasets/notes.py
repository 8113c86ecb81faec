"""Where a check puts what it finds about rows."""

from __future__ import annotations

from stbir.datasets.problems import Problem
from stbir.datasets.reading import Reading


class Notes:
    """Findings about the rows of a reading.

    Args:
        reading: The data set.

    Attributes:
        problems: The findings so far.
    """

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.problems: list[Problem] = []

    def note(self, kind: str, severity: str, index: int, message: str) -> None:
        """Note a finding about a row by its position."""
        row = self.reading.rows[index]
        self.problems.append(Problem(kind, severity, self.reading.places[index], message, row.id))
