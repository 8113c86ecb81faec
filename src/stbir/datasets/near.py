"""Pictures that look the same: pairs of difference hashes that differ in few bits, confirmed on thumbnails.

Any two of `n` hashes at most three bits apart agree in one of four bands of 16 bits, so only hashes that share a band
are compared: near linear in `n`, and no pair is missed. Only where one band is shared by very many different hashes,
as of blank pictures, are they compared with their neighbours in order instead of all with all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

MAX_BITS = 3
MAX_MEAN_DIFFERENCE = 3.0
MAX_DIFFERENCE = 32
MAX_BAND_SIZE = 4096
NEIGHBOURS = 64

_BANDS = 4
_CHUNK = 512
_BITS_OF_BYTE = np.array([byte.bit_count() for byte in range(256)], np.uint8)


def near_pairs(looks: Sequence[int], thumbnails: Sequence[bytes]) -> list[tuple[int, int]]:
    """Find pictures that look the same.

    Args:
        looks: Their difference hashes, 64 bits each.
        thumbnails: Their thumbnails, all of one length.

    Returns:
        Pairs of positions, the smaller first, in order: at most `MAX_BITS` bits apart, and their thumbnails nowhere
        more than `MAX_DIFFERENCE` of 255 apart, on average `MAX_MEAN_DIFFERENCE`. Another buckle, or another colour,
        is another picture; another size or compression is not.

    Source: banding as in Manku et al., Detecting Near-Duplicates for Web Crawling, WWW 2007.
    """
    if len(looks) < 2:
        return []
    values, group_of = np.unique(np.asarray(looks, np.uint64), return_inverse=True)
    order = np.argsort(group_of, kind="stable")
    starts = np.searchsorted(group_of[order], np.arange(len(values) + 1))
    small = np.frombuffer(b"".join(thumbnails), np.uint8).reshape(len(looks), -1)
    found: set[tuple[int, int]] = set()
    for left, right in _pairs_of_values(values):
        if left == right and starts[left + 1] - starts[left] == 1:
            continue
        members = order[starts[left] : starts[left + 1]], order[starts[right] : starts[right + 1]]
        found.update(_confirmed(*members, small))
    return sorted(found)


def clusters(num: int, pairs: Sequence[tuple[int, int]]) -> list[int]:
    """Connected parts of a graph.

    Args:
        num: Number of nodes.
        pairs: Its edges.

    Returns:
        For each node the smallest node of its part.
    """
    root = list(range(num))

    def find(node: int) -> int:
        while root[node] != node:
            root[node] = root[root[node]]
            node = root[node]
        return node

    for left, right in pairs:
        a, b = find(left), find(right)
        root[max(a, b)] = min(a, b)
    return [find(node) for node in range(num)]


def _pairs_of_values(values: NDArray[np.uint64]) -> Iterator[tuple[int, int]]:
    """Positions of different hashes a few bits apart; each hash with itself for those that are the same."""
    yield from ((index, index) for index in range(len(values)))
    for band in range(_BANDS):
        keys = (values >> np.uint64(16 * band)) & np.uint64(0xFFFF)
        order = np.argsort(keys, kind="stable")
        bounds = np.flatnonzero(np.diff(keys[order])) + 1
        for part in np.split(order, bounds):
            if len(part) > 1:
                yield from _close(values, part)


def _close(values: NDArray[np.uint64], part: NDArray[np.intp]) -> Iterator[tuple[int, int]]:
    if len(part) > MAX_BAND_SIZE:
        for step in range(1, NEIGHBOURS + 1):
            bits = _num_bits(values[part[step:]] ^ values[part[:-step]])
            for at in np.flatnonzero(bits <= MAX_BITS):
                yield int(part[at]), int(part[at + step])
        return
    for start in range(0, len(part), _CHUNK):
        rows = part[start : start + _CHUNK]
        bits = _num_bits(values[rows, None] ^ values[None, part])
        for i, j in zip(*np.nonzero(bits <= MAX_BITS), strict=True):
            if rows[i] < part[j]:
                yield int(rows[i]), int(part[j])


def _num_bits(values: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """Number of ones of each value; NumPy has it from 2.0 on."""
    counts = _BITS_OF_BYTE[np.ascontiguousarray(values).view(np.uint8)]
    total: NDArray[np.uint8] = counts.reshape(*values.shape, 8).sum(axis=-1, dtype=np.uint8)
    return total


def _confirmed(left: NDArray[np.intp], right: NDArray[np.intp], small: NDArray[np.uint8]) -> Iterator[tuple[int, int]]:
    """Pairs whose thumbnails agree; of many pictures of one hash, each with its likes, by way of the first."""
    rest = right
    for index in left[:NEIGHBOURS]:
        difference = np.abs(small[rest].astype(np.int16) - small[index].astype(np.int16))
        is_near = (difference.max(axis=1) <= MAX_DIFFERENCE) & (difference.mean(axis=1) <= MAX_MEAN_DIFFERENCE)
        for other in rest[is_near]:
            if index != other:
                yield int(min(index, other)), int(max(index, other))
