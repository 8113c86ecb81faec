"""Make folders of JPEGs of real size for the indexing benchmarks, from the data sets at hand.

The data sets hold small pictures, so each distinct picture here is one of them scaled up to 2-12 megapixels, with
others laid over it as fine detail and the noise of a sensor on top: about as many bits per pixel as a camera writes, so
decoding costs what it costs for a photo. Further files are the same pictures with another comment in the file: other
bytes, other hash, the same cost. Made files are kept and used again.
"""

from __future__ import annotations

import io
import struct
import zipfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

NUM_DISTINCT = 400
FILES_PER_FOLDER = 1000
MEGAPIXELS = (2.0, 12.0)
QUALITY = 90
SOURCES = ("imagenet-objects.zip", "sketchy-125.zip", "shoes-handbags.zip", "ikea-products.zip")
SHAPES = ((4, 3), (3, 2), (3, 4), (16, 9), (1, 1))


def make_files(folder: Path, num_files: int, data: Path, num_distinct: int = NUM_DISTINCT) -> list[Path]:
    """Fill a folder with JPEGs; what is there already is kept.

    Args:
        folder: Where; files come in subfolders of a thousand.
        num_files: How many.
        data: The folder of data sets (STBIR_DATA).
        num_distinct: How many different pictures there are among them.

    Returns:
        The subfolders, in order.
    """
    masters = folder.parent / "masters"
    masters.mkdir(parents=True, exist_ok=True)
    missing = [n for n in range(min(num_distinct, num_files)) if not (masters / f"{n:03d}.jpg").exists()]
    if missing:
        with ProcessPoolExecutor() as pool:
            list(pool.map(_make_master, [masters] * len(missing), missing, [data] * len(missing), chunksize=4))
    contents: dict[int, bytes] = {}
    for number in range(num_files):
        path = folder / f"{number // FILES_PER_FOLDER:03d}" / f"{number:05d}.jpg"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            master = number % num_distinct
            if master not in contents:
                contents[master] = (masters / f"{master:03d}.jpg").read_bytes()
            temporary = path.with_suffix(".part")
            temporary.write_bytes(with_comment(contents[master], f"copy {number}"))
            temporary.replace(path)
    return sorted(path for path in folder.iterdir() if path.is_dir())


def with_comment(jpeg: bytes, text: str) -> bytes:
    """The same JPEG with a comment behind its first marker."""
    words = text.encode()
    return jpeg[:2] + b"\xff\xfe" + struct.pack(">H", len(words) + 2) + words + jpeg[2:]


def _make_master(folder: Path, number: int, data: Path) -> None:
    """One distinct picture; the same number always gives the same picture."""
    rng = np.random.default_rng(number)
    main, *others = (_draw(rng, data) for _ in range(9))
    megapixels = float(np.exp(rng.uniform(*np.log(MEGAPIXELS))))
    wide, high = SHAPES[int(rng.integers(len(SHAPES)))]
    width = round(float(np.sqrt(megapixels * 1e6 * wide / high)))
    height = round(width * high / wide)
    picture = np.asarray(main.resize((width, height), Image.Resampling.BICUBIC), np.float32)
    tile = _mosaic(others, 512)
    detail = np.tile(tile, (-(-height // 512), -(-width // 512), 1))[:height, :width]
    noise = 4 * rng.standard_normal((height, width, 1), np.float32)
    mixed = picture + np.float32(0.15) * (detail - detail.mean()) + noise
    buffer = io.BytesIO()
    Image.fromarray(np.clip(mixed, 0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=QUALITY)
    temporary = folder / f"{number:03d}.part"
    temporary.write_bytes(buffer.getvalue())
    temporary.replace(folder / f"{number:03d}.jpg")


def _draw(rng: np.random.Generator, data: Path) -> Image.Image:
    """A random picture of the data sets."""
    with zipfile.ZipFile(data / SOURCES[int(rng.integers(len(SOURCES)))]) as archive:
        names = sorted(name for name in archive.namelist() if name.lower().endswith((".jpg", ".jpeg", ".png", ".webp")))
        content = archive.read(names[int(rng.integers(len(names)))])
    with Image.open(io.BytesIO(content)) as picture:
        return picture.convert("RGB")


def _mosaic(pictures: list[Image.Image], side_px: int) -> np.ndarray:
    """Pictures side by side, each at about its own size, as one square."""
    canvas = Image.new("RGB", (side_px, side_px))
    cell = side_px // 3
    for place in range(9):
        picture = pictures[place % len(pictures)].resize((cell + 1, cell + 1))
        canvas.paste(picture, (place % 3 * cell, place // 3 * cell))
    return np.asarray(canvas, np.float32)
