"""Thin a mask of ink to lines one pixel wide.

The border of the ink is peeled in layers, as long as nothing falls apart and line ends stay; which of the 256
neighbourhoods may go is a table, and only border pixels are looked at, so the cost follows the ink, not the picture.
Imports NumPy only. Source: Guo and Hall, "Parallel thinning with two-subiteration algorithms", 1989.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_NUM_CODES = 256


def _tables() -> NDArray[np.bool_]:
    """`[2, 256]`: whether a pixel goes in the first or second half step, by the code of its eight neighbours.

    Bit k of the code is the neighbour k of N, NE, E, SE, S, SW, W, NW.
    """
    bits = (np.arange(_NUM_CODES)[:, None] >> np.arange(8)) & 1
    n, ne, e, se, s, sw, w, nw = (bits[:, k].astype(bool) for k in range(8))
    crossings = (~n & (ne | e)).astype(int) + (~e & (se | s)) + (~s & (sw | w)) + (~w & (nw | n))
    one_way = (nw | n).astype(int) + (ne | e) + (se | s) + (sw | w)
    other_way = (n | ne).astype(int) + (e | se) + (s | sw) + (w | nw)
    fewer = np.minimum(one_way, other_way)
    may_go = (crossings == 1) & (fewer >= 2) & (fewer <= 3)
    return np.stack([may_go & ~((n | ne | ~se) & e), may_go & ~((s | sw | ~nw) & w)])


_GOES = _tables()


def thin(mask: NDArray[np.bool_], max_layers: int = 200) -> NDArray[np.bool_]:
    """Thin ink to its middle lines, connected as before.

    Args:
        mask: `[H, W]`, True = ink.
        max_layers: Stop after so many layers; thicker parts stay thick.

    Returns:
        `[H, W]`, True = middle line.

    >>> thin(np.ones((3, 7), bool)).sum(axis=0).max()
    np.int64(1)
    """
    height, width = mask.shape
    stride = width + 2
    ink = np.zeros((height + 2) * stride, np.uint8)
    ink.reshape(height + 2, stride)[1:-1, 1:-1] = mask
    around = np.array([-stride, 1 - stride, 1, stride + 1, stride, stride - 1, -1, -stride - 1])
    alive = np.flatnonzero(ink)
    border = alive
    for _ in range(max_layers):
        gone_now = [_peel(ink, border, around, table) for table in _GOES]
        gone = np.concatenate(gone_now)
        if len(gone) == 0:
            break
        touched = np.zeros(len(ink), bool)
        touched[(gone[:, None] + around).ravel()] = True
        touched[border] = True
        border = np.flatnonzero(touched & (ink > 0))
    return ink.reshape(height + 2, stride)[1:-1, 1:-1].astype(bool)


def _peel(
    ink: NDArray[np.uint8], border: NDArray[np.intp], around: NDArray[np.intp], goes: NDArray[np.bool_]
) -> NDArray[np.intp]:
    """Take away those of the `border` pixels that may go, at once; returns them."""
    border = border[ink[border] > 0]
    code = np.zeros(len(border), np.uint8)
    for bit, offset in enumerate(around.tolist()):
        code |= ink[border + offset] << np.uint8(bit)
    gone = border[goes[code]]
    ink[gone] = 0
    return gone
