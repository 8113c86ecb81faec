"""`Hits`: what a search returns. A list of hits that a notebook shows as a grid of pictures."""

from __future__ import annotations

import base64
import html
from collections.abc import Callable, Iterable, Mapping, Sequence

from stbir.query import Hit

MAX_SHOWN = 60
CELL_PX = 160
ThumbnailsOf = Callable[[Sequence[str]], Mapping[str, bytes]]


class Hits(list[Hit]):
    """Hits, best first.

    Args:
        hits: The hits.
        next_offset: Where the next page begins; None at the end.
        thumbnails_of: Gives JPEG thumbnails by id, for showing the hits in a notebook.

    >>> Hits([], next_offset=None)
    []
    """

    def __init__(
        self, hits: Iterable[Hit] = (), next_offset: int | None = None, thumbnails_of: ThumbnailsOf | None = None
    ) -> None:
        super().__init__(hits)
        self.next_offset = next_offset
        self._thumbnails_of = thumbnails_of

    def __reduce__(self) -> tuple[type[Hits], tuple[list[Hit], int | None]]:
        return Hits, (list(self), self.next_offset)

    def _repr_html_(self) -> str:
        """The hits as a grid; thumbnails are part of the page, so that it shows them wherever it is opened."""
        if not self:
            return "<p>no picture fits</p>"
        shown = self[:MAX_SHOWN]
        thumbnails = self._thumbnails_of([hit.id for hit in shown]) if self._thumbnails_of else {}
        cells = "".join(_cell(hit, thumbnails.get(hit.id)) for hit in shown)
        more = f"<p>and {len(self) - MAX_SHOWN:,} more</p>" if len(self) > MAX_SHOWN else ""
        return f'<div style="display:flex;flex-wrap:wrap;gap:12px">{cells}</div>{more}'


def _cell(hit: Hit, thumbnail: bytes | None) -> str:
    name = html.escape(hit.path.name)
    picture = ""
    if thumbnail:
        data = base64.b64encode(thumbnail).decode()
        style = "max-width:100%;max-height:100%"
        picture = f'<img src="data:image/jpeg;base64,{data}" alt="{name}" style="{style}">'
    copies = f" (+{hit.num_duplicates})" if hit.num_duplicates else ""
    parts = ", ".join(f"{html.escape(part)} {value:.3f}" for part, value in hit.parts.items())
    return (
        f'<figure style="width:{CELL_PX}px;margin:0" title="{html.escape(str(hit.path))}">'
        f'<div style="height:{CELL_PX}px;display:flex;align-items:center;justify-content:center">{picture}</div>'
        f'<figcaption style="font-size:12px;overflow-wrap:anywhere"><b>{hit.rank}</b> {hit.score:.3f}{copies}<br>'
        f"{name}<br><small>{parts}</small></figcaption></figure>"
    )
