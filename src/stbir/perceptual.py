"""A hash that stays nearly the same when a picture is scaled, compressed again or a little brightened.

Source: C. Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010, the DCT hash.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE_PX = 32
NUM_FREQUENCIES = 8
HASH_DIGITS = 16

_ROWS = np.arange(NUM_FREQUENCIES)[:, None]
_COSINES = np.cos(np.pi * _ROWS * (2 * np.arange(SIDE_PX) + 1) / (2 * SIDE_PX)).astype(np.float32)


def perceptual_hash(picture: Image.Image) -> str:
    """Hash what a picture looks like, in grey.

    Args:
        picture: Any RGB or grey picture.

    Returns:
        64 bits as 16 hexadecimal digits: which of the 8 x 8 lowest frequencies exceed their median.

    >>> len(perceptual_hash(Image.linear_gradient("L")))
    16
    """
    small = picture.convert("L").resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC, reducing_gap=2.0)
    waves = (_COSINES @ np.asarray(small, np.float32) @ _COSINES.T).ravel()
    bits = waves > np.median(waves[1:])
    return np.packbits(bits).tobytes().hex()


def hash_bits(hashes: list[str]) -> NDArray[np.uint64]:
    """Hashes as whole numbers, to be compared by the number of bits that differ.

    >>> hash_bits(["00000000000000ff"]).tolist()
    [255]
    """
    return np.array([int(text, 16) for text in hashes], np.uint64)
