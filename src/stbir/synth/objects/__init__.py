"""The kinds of objects the renderer knows: a registry of `Kind`, one module a family or a few.

The first five families are the sample gallery's and the first model's: their names, order and numbers are settled, a
change would change every picture. A new kind goes into a new family (or one not in `FIRST_FAMILIES`).
"""

from __future__ import annotations

from stbir.synth.objects.bags import BAGS
from stbir.synth.objects.bottles import BOTTLES, VASES
from stbir.synth.objects.chairs import CHAIRS
from stbir.synth.objects.clocks import CLOCKS, WATCHES
from stbir.synth.objects.guitars import GUITARS
from stbir.synth.objects.hats import HATS
from stbir.synth.objects.kinds import Kind, Parameter
from stbir.synth.objects.kitchen import PANS, SCISSORS
from stbir.synth.objects.lamps import LAMPS
from stbir.synth.objects.mugs import MUGS
from stbir.synth.objects.plants import PLANTS
from stbir.synth.objects.sandals import SANDALS
from stbir.synth.objects.shoes import SHOES
from stbir.synth.objects.tables import TABLES
from stbir.synth.objects.teapots import TEAPOTS
from stbir.synth.objects.toys import TOYS
from stbir.synth.objects.umbrellas import UMBRELLAS
from stbir.synth.objects.wearables import GLASSES, HEADPHONES

FAMILIES: dict[str, tuple[Kind, ...]] = {
    "chair": CHAIRS,
    "shoe": SHOES,
    "mug": MUGS,
    "lamp": LAMPS,
    "bag": BAGS,
    "sandal": SANDALS,
    "teapot": TEAPOTS,
    "bottle": BOTTLES,
    "vase": VASES,
    "clock": CLOCKS,
    "watch": WATCHES,
    "table": TABLES,
    "glasses": GLASSES,
    "headphones": HEADPHONES,
    "umbrella": UMBRELLAS,
    "guitar": GUITARS,
    "toy": TOYS,
    "hat": HATS,
    "pan": PANS,
    "scissors": SCISSORS,
    "plant": PLANTS,
}
FIRST_FAMILIES = ("chair", "shoe", "mug", "lamp", "bag")
# Numbers that change nothing of a kind's form. The first families' own texts speak of some of them and stay as they
# are; the parts of the benchmark neither state nor vary them.
IDLE_NUMBERS: dict[str, frozenset[str]] = {
    "shell chair": frozenset({"recline", "back_curve"}),
    "armchair": frozenset({"seat_height", "splay", "leg_thickness"}),
    "office chair": frozenset({"splay", "leg_thickness"}),
    "bar stool": frozenset({"depth", "recline", "back_curve"}),
    "sneaker": frozenset({"ankle", "shaft_width"}),
    "pump": frozenset({"shaft_width"}),
    "loafer": frozenset({"shaft_width"}),
    "backpack": frozenset({"flare", "strap"}),
    "duffel bag": frozenset({"depth", "flare", "bulge"}),
    "bucket bag": frozenset({"depth", "bulge"}),
}
KINDS: dict[str, Kind] = {kind.name: kind for kinds in FAMILIES.values() for kind in kinds}

__all__ = ["FAMILIES", "FIRST_FAMILIES", "IDLE_NUMBERS", "KINDS", "Kind", "Parameter"]
