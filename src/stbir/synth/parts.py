"""The three parts of the benchmark: S (footwear), C (chairs), D (daily objects), with splits and unseen kinds.

A part is a run of blocks of twins, as the data sets of `stbir.synth.dataset`. A block lies in one split, so no shape
and no dress is in two of them; kinds or whole families held out are in the test split only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from stbir.errors import ConfigError
from stbir.synth.objects import FAMILIES, KINDS, Kind
from stbir.synth.sampling import sample_rich_block, shape_distance
from stbir.synth.spec import ObjectSpec

SHAPES_PER_BLOCK = 4
DRESSES_PER_BLOCK = 4
SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Part:
    """One part.

    Attributes:
        name: Its letter.
        families: What it holds.
        unseen: Kinds and families that only its test split holds, unless others are asked for.
        by_kind: Whether kinds take turns; else families do.
    """

    name: str
    families: tuple[str, ...]
    unseen: tuple[str, ...]
    by_kind: bool


PARTS: dict[str, Part] = {
    "S": Part("S", ("shoe", "sandal"), ("loafer", "clog"), by_kind=True),
    "C": Part("C", ("chair",), ("bentwood chair",), by_kind=True),
    "D": Part(
        "D",
        tuple(family for family in FAMILIES if family not in ("shoe", "sandal", "chair")),
        ("umbrella", "headphones", "plant", "ukulele"),
        by_kind=False,
    ),
}


@dataclass(frozen=True)
class PartItem:
    """One object of a part.

    Attributes:
        id: Its name, also of its files.
        spec: What to draw.
        shape_group: Objects of one group have the same shape and viewpoint.
        dress_group: Objects of one group have the same colours, materials and pattern.
        number: Position in the part.
        split: train, val or test; None if the part is not split.
        is_seen: Whether its kind is also in the training split.
        near_group: The shape group of its near twins, if it has any.
        near_distance: How far they are apart, see `stbir.synth.sampling.shape_distance`.
    """

    id: str
    spec: ObjectSpec
    shape_group: str
    dress_group: str
    number: int
    split: str | None
    is_seen: bool
    near_group: str | None
    near_distance: float | None


def plan_part(
    part: str,
    count: int,
    seed: int,
    *,
    shares: tuple[int, int, int] | None = (70, 10, 20),
    unseen: Sequence[str] | None = None,
) -> Iterator[PartItem]:
    """The objects of a part, block by block.

    Args:
        part: S, C or D.
        count: Number of objects.
        seed: Parts with different seeds have different shapes.
        shares: Percentages of train, val and test among the blocks of seen kinds; None for no splits.
        unseen: Kinds and families for the test split only; None for the part's own.

    Yields:
        The items; the first n are the same for every count.

    Raises:
        ConfigError: No such part, kind or family, or shares that are not percentages.
    """
    found = _part(part)
    held_out = _held_out(found, found.unseen if unseen is None else unseen) if shares else frozenset[str]()
    wheel = _Wheel(seed, found.name, shares) if shares else None
    turns = _turns(found)
    number = block = 0
    while number < count:
        rng = np.random.default_rng([seed, ord(found.name), block])
        kinds = _block_kinds(rng, turns[block % len(turns)], held_out)
        is_seen = kinds[0].name not in held_out
        split = (wheel.next() if is_seen else "test") if wheel else None
        for item in _block_items(found.name, block, sample_rich_block(rng, kinds, DRESSES_PER_BLOCK)):
            if number == count:
                return
            yield PartItem(*item[:4], number, split, is_seen, *item[4:])
            number += 1
        block += 1


def _part(name: str) -> Part:
    if name not in PARTS:
        raise ConfigError(f"there is no part {name!r}: give one of {', '.join(PARTS)}")
    return PARTS[name]


def _turns(part: Part) -> list[tuple[Kind, ...]]:
    """What takes turns: single kinds, or the kinds of a family."""
    if part.by_kind:
        return [(kind,) for family in part.families for kind in FAMILIES[family]]
    return [FAMILIES[family] for family in part.families]


def _held_out(part: Part, names: Sequence[str]) -> frozenset[str]:
    """Names of the kinds held out."""
    kinds = {kind.name for family in part.families for kind in FAMILIES[family]}
    found: set[str] = set()
    for name in names:
        chosen = {kind.name for kind in FAMILIES[name]} if name in FAMILIES else {name}
        if not chosen <= kinds:
            known = ", ".join([*part.families, *sorted(kinds)])
            raise ConfigError(f"part {part.name} has no kind or family {name!r} to hold out: give one of {known}")
        found |= chosen
    if found == kinds:
        raise ConfigError(f"all kinds of part {part.name} are held out: leave some to train on")
    return frozenset(found)


def _block_kinds(rng: np.random.Generator, unit: tuple[Kind, ...], held_out: frozenset[str]) -> list[Kind]:
    """Kinds of the first three shapes: all one, or in half of the blocks the last a relative, as seen as the first."""
    first = unit[int(rng.integers(len(unit)))]
    relatives = [
        kind
        for kind in FAMILIES[first.family]
        if set(kind.materials) & set(first.materials) - {"wood"} and (kind.name in held_out) == (first.name in held_out)
    ]
    if relatives and rng.random() < 0.5:
        return [first, first, relatives[int(rng.integers(len(relatives)))]]
    return [first] * (SHAPES_PER_BLOCK - 1)


def _block_items(
    part: str, block: int, rows: list[list[ObjectSpec]]
) -> Iterator[tuple[str, ObjectSpec, str, str, str | None, float | None]]:
    first, last = rows[0][0], rows[-1][0]
    apart = round(shape_distance(KINDS[first.kind], first.shape, last.shape), 4)
    groups = [f"{part.lower()}{block:05d}-{row}" for row in range(len(rows))]
    for row, twins in enumerate(rows):
        near = {0: groups[-1], len(rows) - 1: groups[0]}.get(row)
        for column, spec in enumerate(twins):
            name = f"{part.lower()}-{KINDS[spec.kind].family}-{block:05d}-{row}{column}"
            dress = f"{part.lower()}{block:05d}-d{column}"
            yield name, spec, groups[row], dress, near, apart if near else None


class _Wheel:
    """Deals splits to blocks: of every twenty blocks each split gets its share, in shuffled order."""

    def __init__(self, seed: int, part: str, shares: tuple[int, int, int]) -> None:
        if min(shares) < 0 or sum(shares) != 100 or any(share % 5 for share in shares):
            raise ConfigError(
                f"cannot split {','.join(map(str, shares))}: give three percentages for train, val and test, "
                "multiples of 5 that make 100, such as 70,10,20"
            )
        self._deck = [name for name, share in zip(SPLITS, shares, strict=True) for _ in range(share // 5)]
        self._rng = np.random.default_rng([seed, ord(part), 7, 7])
        self._left: list[str] = []

    def next(self) -> str:
        """The split of the next block."""
        if not self._left:
            self._left = [self._deck[k] for k in self._rng.permutation(len(self._deck))]
        return self._left.pop()
