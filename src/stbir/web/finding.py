"""The conditions of a search, as clients choose them, in SQL."""

from __future__ import annotations

import re

from stbir.errors import QueryError
from stbir.gallery.catalogue import PATH_COLUMNS
from stbir.web.live import State
from stbir.web.schemas import FiltersIn

HIDDEN = re.compile(rf"\b({'|'.join(PATH_COLUMNS)})\b", re.IGNORECASE)


def condition(where: str | None, filters: FiltersIn, state: State, *, shows_paths: bool = True) -> str | None:
    """The SQL condition of a search.

    Args:
        where: The client's own.
        filters: Chosen ones, joined by AND.
        state: Knows the folders.
        shows_paths: Whether the client may know where files lie; otherwise its condition may not ask either.

    Returns:
        Both together; None for neither.

    Raises:
        QueryError: A folder is unknown, or the condition names what is hidden.
    """
    if where is not None and not shows_paths and HIDDEN.search(where):
        raise QueryError(f"where may not name {', '.join(PATH_COLUMNS)}: this service does not show where files lie")
    parts = [] if where is None or not where.strip() else [f"({where})"]
    if filters.folder is not None:
        folder = state.folders.get(filters.folder)
        if folder is None:
            raise QueryError(f"the gallery has no folder with the id {filters.folder}: see GET /api/gallery")
        parts.append("root = '" + str(folder).replace("'", "''") + "'")
    for name in ("width", "height"):
        least, most = getattr(filters, f"min_{name}"), getattr(filters, f"max_{name}")
        parts += [] if least is None else [f"{name} >= {least}"]
        parts += [] if most is None else [f"{name} <= {most}"]
    if filters.orientation is not None:
        sign = {"landscape": ">", "portrait": "<", "square": "="}[filters.orientation]
        parts.append(f"width {sign} height")
    return " AND ".join(parts) or None
