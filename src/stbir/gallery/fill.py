"""Complete the row of a picture that an older stbir wrote, from its thumbnail and its file's header."""

from __future__ import annotations

from dataclasses import replace

from stbir.errors import ImageError
from stbir.exif import PhotoData
from stbir.gallery.catalogue import Picture
from stbir.images import load_picture, picture_header
from stbir.perceptual import perceptual_hash


def filled(picture: Picture) -> Picture:
    """A picture's row with what its file says, and its perceptual hash.

    Args:
        picture: The row.

    Returns:
        The row with `taken`, `camera` and `perceptual_hash`; of a file that cannot be read the first two stay unknown.
    """
    try:
        photo = picture_header(picture.entry.path).photo
    except ImageError:
        photo = PhotoData()
    try:
        likeness = perceptual_hash(load_picture(picture.thumbnail))
    except ImageError:
        likeness = ""
    entry = replace(picture.entry, taken=photo.taken, camera=photo.camera, perceptual_hash=likeness)
    return replace(picture, entry=entry)
