"""The kinds of objects the renderer knows: a registry of `Kind`, one module a family."""

from __future__ import annotations

from stbir.synth.objects.bags import BAGS
from stbir.synth.objects.chairs import CHAIRS
from stbir.synth.objects.kinds import Kind, Parameter
from stbir.synth.objects.lamps import LAMPS
from stbir.synth.objects.mugs import MUGS
from stbir.synth.objects.shoes import SHOES

KINDS: dict[str, Kind] = {kind.name: kind for kind in (*CHAIRS, *SHOES, *MUGS, *LAMPS, *BAGS)}
FAMILIES: dict[str, tuple[Kind, ...]] = {
    "chair": CHAIRS,
    "shoe": SHOES,
    "mug": MUGS,
    "lamp": LAMPS,
    "bag": BAGS,
}

__all__ = ["FAMILIES", "KINDS", "Kind", "Parameter"]
