"""Layouts in which data sets of others come: how each is recognised, and how it becomes rows.

`FORMATS` maps a name to a `Format`. Detection asks them in this order and takes the first that fits, so the layouts
with the plainest marks come first. To add one, write a module here and enter it; CONTRIBUTING.md has the recipe.
"""

from __future__ import annotations

from stbir.datasets.formats.cstbir import CSTBIR
from stbir.datasets.formats.dsr import DSR
from stbir.datasets.formats.folder import FOLDER
from stbir.datasets.formats.format import Format
from stbir.datasets.formats.fscoco import FSCOCO
from stbir.datasets.formats.karpathy import KARPATHY
from stbir.datasets.formats.manifest import MANIFEST
from stbir.datasets.formats.qmul import QMUL
from stbir.datasets.formats.qmul_v1 import QMUL_V1
from stbir.datasets.formats.quickdraw import QUICKDRAW
from stbir.datasets.formats.sketchy import SKETCHY
from stbir.datasets.formats.sketchy_lists import SKETCHY_LISTS
from stbir.datasets.formats.sketchycoco import SKETCHYCOCO
from stbir.datasets.formats.stbir import STBIR

FORMATS: dict[str, Format] = {
    "manifest": MANIFEST,
    "stbir": STBIR,
    "sketchy-lists": SKETCHY_LISTS,
    "qmul": QMUL,
    "qmul-v1": QMUL_V1,
    "sketchy": SKETCHY,
    "sketchycoco": SKETCHYCOCO,
    "fscoco": FSCOCO,
    "dsr": DSR,
    "cstbir": CSTBIR,
    "karpathy": KARPATHY,
    "quickdraw": QUICKDRAW,
    "folder": FOLDER,
}

__all__ = ["FORMATS", "Format"]
