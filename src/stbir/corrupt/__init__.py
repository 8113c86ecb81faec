"""Noises of drawings, words and pictures: the same code makes training harder and measures robustness.

Every noise has a severity from 0 (the exact identity) to 5, and takes a NumPy generator, so that a seed repeats it.
"""

from stbir.corrupt.curriculum import corrupt_image, corrupt_raster, corrupt_sketch, corrupt_text
from stbir.corrupt.registry import CORRUPTIONS, Corruption, corruption, item_rng
from stbir.corrupt.strokes import MAX_SEVERITY

__all__ = [
    "CORRUPTIONS",
    "MAX_SEVERITY",
    "Corruption",
    "corrupt_image",
    "corrupt_raster",
    "corrupt_sketch",
    "corrupt_text",
    "corruption",
    "item_rng",
]
