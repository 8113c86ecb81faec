"""The service and the page: search a gallery over HTTP. Start it with `stbir serve`, or mount `create_app`.

    request -> envelope (id, headers, log) -> guard (host, site, key, rate, body) -> api -> service -> Searcher

Needs the extra `web`. Must not import PyTorch, `stbir.train` or `stbir.evaluate`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stbir.web.app import create_app
    from stbir.web.settings import Limits, Settings

__all__ = ["Limits", "Settings", "create_app"]

_HOMES = {"Limits": "stbir.web.settings", "Settings": "stbir.web.settings", "create_app": "stbir.web.app"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'stbir.web' has no attribute {name!r}")
    import importlib

    from stbir.errors import MissingExtraError

    try:
        return getattr(importlib.import_module(_HOMES[name]), name)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("stbir"):
            raise
        raise MissingExtraError("the service", "web") from None
