"""stbir: find the one picture you mean, in your own collection, by a rough drawing plus a few words.

    import stbir

    gallery = stbir.Gallery.open("my.gallery")
    gallery.index("photos/")
    hits = gallery.search(sketch="boot.json", text="red suede boot", top=10)

Importing stbir is quick: each name below is loaded when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stbir.client import Client
    from stbir.errors import (
        BundleError,
        ConfigError,
        DatasetError,
        GalleryError,
        ImageError,
        InputError,
        MissingExtraError,
        ModelMismatchError,
        QueryError,
        ServiceError,
        SketchError,
        StbirError,
    )
    from stbir.gallery.catalogue import IndexReport
    from stbir.gallery.verify import Check
    from stbir.hits import Hits
    from stbir.indexing import IndexEvent
    from stbir.model.bundle import Bundle, ModelInfo
    from stbir.model.encoder import Encoder
    from stbir.query import Hit, Query, Weights
    from stbir.search import Answer, Gallery, Searcher
    from stbir.strokes import Sketch, rasterize

    __version__: str

_HOMES = {
    "Answer": "stbir.search",
    "Bundle": "stbir.model.bundle",
    "BundleError": "stbir.errors",
    "Check": "stbir.gallery.verify",
    "Client": "stbir.client",
    "ConfigError": "stbir.errors",
    "DatasetError": "stbir.errors",
    "Encoder": "stbir.model.encoder",
    "Gallery": "stbir.search",
    "GalleryError": "stbir.errors",
    "Hit": "stbir.query",
    "Hits": "stbir.hits",
    "ImageError": "stbir.errors",
    "IndexEvent": "stbir.indexing",
    "IndexReport": "stbir.gallery.catalogue",
    "InputError": "stbir.errors",
    "MissingExtraError": "stbir.errors",
    "ModelInfo": "stbir.model.bundle",
    "ModelMismatchError": "stbir.errors",
    "Query": "stbir.query",
    "QueryError": "stbir.errors",
    "Searcher": "stbir.search",
    "ServiceError": "stbir.errors",
    "Sketch": "stbir.strokes",
    "SketchError": "stbir.errors",
    "StbirError": "stbir.errors",
    "Weights": "stbir.query",
    "rasterize": "stbir.strokes",
}

__all__ = [
    "Answer",
    "Bundle",
    "BundleError",
    "Check",
    "Client",
    "ConfigError",
    "DatasetError",
    "Encoder",
    "Gallery",
    "GalleryError",
    "Hit",
    "Hits",
    "ImageError",
    "IndexEvent",
    "IndexReport",
    "InputError",
    "MissingExtraError",
    "ModelInfo",
    "ModelMismatchError",
    "Query",
    "QueryError",
    "Searcher",
    "ServiceError",
    "Sketch",
    "SketchError",
    "StbirError",
    "Weights",
    "__version__",
    "rasterize",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        value: Any = version("stbir")
    elif name in _HOMES:
        value = getattr(importlib.import_module(_HOMES[name]), name)
    else:
        raise AttributeError(f"module 'stbir' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
