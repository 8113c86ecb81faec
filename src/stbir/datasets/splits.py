"""`stbir data split`: rows to splits, seeded, in the asked shares, with whole groups and no leakage.

Rows that share a picture, or a value of a grouping field, or that were linked, form one group, through any chain, and
a group goes to one split. Which one depends on the seed and the ids alone, not on the order of the rows.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from stbir.datasets.fields import value_of
from stbir.datasets.manifest import Row
from stbir.datasets.near import clusters
from stbir.errors import InputError


def parse_ratios(text: str) -> dict[str, float]:
    """Read shares such as `train=0.8,val=0.1,test=0.1`.

    Returns:
        Split to its share, in the given order.

    Raises:
        InputError: A share that is no number above 0, a name twice, or a sum other than 1.

    >>> parse_ratios("train=0.8,test=0.2")
    {'train': 0.8, 'test': 0.2}
    """
    ratios: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, number = (piece.strip() for piece in part.partition("="))
        try:
            share = float(number)
        except ValueError:
            raise InputError(f"the share {part!r} is not NAME=NUMBER: give such as train=0.8,test=0.2") from None
        if not name or name in ratios or not (0 < share <= 1):
            raise InputError(
                f"the share {part!r} cannot be used: name each split once, with a share above 0, at most 1"
            )
        ratios[name] = share
    if not math.isclose(sum(ratios.values()), 1, abs_tol=1e-6):
        raise InputError(f"the shares add up to {sum(ratios.values()):g}: expected 1")
    return ratios


@dataclass(frozen=True)
class _Group:
    members: tuple[int, ...]
    order: bytes
    stratum: str


def assign_splits(
    rows: Sequence[Row],
    ratios: Mapping[str, float],
    *,
    seed: int = 0,
    groups: Iterable[str] = (),
    links: Iterable[tuple[int, int]] = (),
    stratify: str | None = None,
    keep: Iterable[str] = (),
) -> tuple[Row, ...]:
    """Give every row a split.

    Args:
        rows: The rows.
        ratios: Split to its share; together 1.
        seed: Other seeds give other splits.
        groups: Fields whose values stay together, such as `virtual_class`.
        links: Pairs of positions of rows that stay together, such as near-duplicates.
        stratify: A field whose values are spread over the splits in the same shares, such as `category`.
        keep: Splits whose rows stay where they are, and draw the rest of their group along.

    Returns:
        The rows in their order, with new splits. Where every group is one row, each split has its share rounded up or
        down; else it is off by the size of the largest groups at most.

    Raises:
        InputError: No row has a grouping field, or a group has rows in two kept splits.
    """
    kept = frozenset(keep)
    chosen: dict[int, str] = {}
    free: list[_Group] = []
    for group in _groups(rows, groups, links, stratify, seed):
        stays = {split for index in group.members if (split := rows[index].split) in kept and split is not None}
        if len(stays) > 1:
            names = " and ".join(sorted(stays))
            first = rows[group.members[0]].id
            raise InputError(f"the group of row {first!r} is in the kept splits {names}: keep one of them only")
        if stays:
            chosen.update(dict.fromkeys(group.members, stays.pop()))
        else:
            free.append(group)
    chosen.update(_spread(free, ratios))
    return tuple(row.model_copy(update={"split": chosen[index]}) for index, row in enumerate(rows))


def _groups(
    rows: Sequence[Row],
    fields: Iterable[str],
    links: Iterable[tuple[int, int]],
    stratify: str | None,
    seed: int,
) -> list[_Group]:
    pairs = list(links)
    for field in ("image", *fields):
        first: dict[str, int] = {}
        for index, row in enumerate(rows):
            value = value_of(row, field)
            if value is not None:
                pairs.append((first.setdefault(value, index), index))
        if not first and field != "image" and rows:
            raise InputError(f"no row has the field {field!r}: name a field of the rows or of their attributes")
    members: dict[int, list[int]] = defaultdict(list)
    for index, root in enumerate(clusters(len(rows), pairs)):
        members[root].append(index)
    return [_group(rows, tuple(part), stratify, seed) for part in members.values()]


def _group(rows: Sequence[Row], members: tuple[int, ...], stratify: str | None, seed: int) -> _Group:
    name = min(rows[index].id for index in members)
    order = hashlib.sha256(f"{seed}:{name}".encode("utf-8", "surrogatepass")).digest()
    values = Counter((value_of(rows[index], stratify) if stratify else None) or "" for index in members)
    stratum = min(values, key=lambda value: (-values[value], value))
    return _Group(members, order, stratum)


def _spread(groups: Iterable[_Group], ratios: Mapping[str, float]) -> dict[int, str]:
    """Every row's split: stratum by stratum, the largest groups first, each to the split that lacks most."""
    strata: dict[str, list[_Group]] = defaultdict(list)
    for group in groups:
        strata[group.stratum].append(group)
    chosen: dict[int, str] = {}
    owed = dict.fromkeys(ratios, 0.0)
    for stratum in sorted(strata):
        size = sum(len(group.members) for group in strata[stratum])
        for split, share in ratios.items():
            owed[split] += share * size
        lacks = _targets(size, ratios, owed)
        for group in sorted(strata[stratum], key=lambda group: (-len(group.members), group.order)):
            split = max(ratios, key=lambda split: lacks[split])
            lacks[split] -= len(group.members)
            owed[split] -= len(group.members)
            chosen.update(dict.fromkeys(group.members, split))
    return chosen


def _targets(size: int, ratios: Mapping[str, float], owed: Mapping[str, float]) -> dict[str, int]:
    """Whole numbers that add up to `size`: shares rounded down, and the rest to the splits that are owed most."""
    targets = {split: math.floor(share * size + 1e-9) for split, share in ratios.items()}
    rest = size - sum(targets.values())
    open_splits = [split for split, share in ratios.items() if share * size - targets[split] > 1e-9]
    by_debt = sorted(open_splits, key=lambda split: targets[split] - owed[split])
    for split in by_debt[:rest]:
        targets[split] += 1
    return targets
