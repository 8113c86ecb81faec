"""Hostile and unusual picture files: an upright RGB picture or one clear error, never a hang, a warning or a crash."""

from __future__ import annotations

import hashlib
import io
import os
import struct
import threading
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, JpegImagePlugin, features

from stbir.errors import ImageError
from stbir.images import PICTURE_SUFFIXES, content_hash, letterbox, load_picture, thumbnail_jpeg, to_rgb


def scene(width: int = 60, height: int = 40) -> Image.Image:
    """Red on the left, blue on the right, a white top edge."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:, : width // 2, 0] = 200
    pixels[:, width // 2 :, 2] = 200
    pixels[: height // 4] = 255
    return Image.fromarray(pixels)


def encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def is_scene(picture: Image.Image, tolerance: float = 12) -> bool:
    expected = np.asarray(scene().resize(picture.size), np.float32)
    return picture.mode == "RGB" and bool(np.abs(np.asarray(picture, np.float32) - expected).mean() < tolerance)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM"])
def test_formats(tmp_path, kind):
    path = tmp_path / "picture.dat"
    path.write_bytes(encoded(scene(), kind))
    assert is_scene(load_picture(path))
    assert is_scene(load_picture(path.read_bytes(), max_side_px=30))


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow has no AVIF")
def test_avif():
    assert is_scene(load_picture(encoded(scene(), "AVIF")))


def test_suffixes_are_lower_case_with_a_dot():
    assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in PICTURE_SUFFIXES)
    assert {".jpg", ".jpeg", ".png", ".webp"} <= PICTURE_SUFFIXES


TURNS = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, 1),
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: np.rot90(a, -1),
}


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize("max_side_px", [None, 30])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_orientation(orientation, max_side_px, kind):
    stored = Image.fromarray(np.ascontiguousarray(TURNS[orientation](np.asarray(scene()))))
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = load_picture(encoded(stored, kind, exif=exif), max_side_px=max_side_px)
    assert picture.size == ((60, 40) if max_side_px is None else (30, 20))
    assert is_scene(picture)


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff"]
)
def test_broken_exif_does_not_cost_the_picture(exif):
    assert is_scene(load_picture(encoded(scene(), "JPEG", exif=exif)))


def test_cmyk_and_grey_jpeg():
    assert is_scene(load_picture(encoded(scene().convert("CMYK"), "JPEG")), tolerance=40)
    grey = load_picture(encoded(scene().convert("L"), "JPEG"))
    assert grey.mode == "RGB"


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("max_side_px", [None, 16])
def test_sixteen_bits_are_scaled_not_cut(kind, max_side_px):
    ramp = np.linspace(0, 65535, 64).astype(np.uint16)[None].repeat(64, 0)
    picture = load_picture(encoded(Image.fromarray(ramp), kind), max_side_px=max_side_px)
    values = np.asarray(picture)[3, :, 0]
    expected = np.linspace(0, 255, 64).reshape(len(values), -1).mean(axis=1)
    assert np.abs(values - expected).max() < 3


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
@pytest.mark.parametrize("span", [1.0, 60_000.0, 3e6])
def test_deep_tiffs_keep_their_order(dtype, span):
    ramp = np.linspace(0, span, 32).astype(dtype)[None].repeat(8, 0)
    values = np.asarray(load_picture(encoded(Image.fromarray(ramp), "TIFF")))[0, :, 0].astype(int)
    assert (np.diff(values) >= 0).all()
    if span > 1 or dtype == np.float32:
        assert values[-1] > 200


def test_float_with_nan():
    values = np.array([[0.0, np.nan, 1.0, np.inf]], np.float32)
    assert load_picture(encoded(Image.fromarray(values), "TIFF")).mode == "RGB"


def transparent(mode: str) -> Image.Image:
    layer = Image.new("RGBA", (20, 20), (255, 0, 0, 0))
    layer.paste((0, 0, 255, 255), (0, 0, 10, 20))
    if mode == "P":
        return layer.quantize(8)
    return layer.convert(mode)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
@pytest.mark.parametrize("max_side_px", [None, 5])
def test_transparency_becomes_white(mode, max_side_px):
    pixels = np.asarray(load_picture(encoded(transparent(mode), "PNG"), max_side_px=max_side_px))
    assert (pixels[:, -1] == 255).all()
    assert pixels[0, 0, 0] < 60


def test_transparent_colour_of_an_rgb_png():
    picture = Image.new("RGB", (8, 8), (10, 200, 10))
    picture.paste((0, 0, 255), (0, 0, 4, 8))
    pixels = np.asarray(load_picture(encoded(picture, "PNG", transparency=(10, 200, 10))))
    assert pixels[0, 7].tolist() == [255, 255, 255]
    assert pixels[0, 0].tolist() == [0, 0, 255]


@pytest.mark.parametrize("mode", ["1", "L", "P", "HSV", "LAB", "YCbCr"])
def test_modes_to_rgb(mode):
    picture = scene()
    picture = Image.merge("LAB", picture.split()) if mode == "LAB" else picture.convert(mode)
    if mode == "LAB":
        assert to_rgb_or_error(picture)
    else:
        assert to_rgb(picture).mode == "RGB"


def to_rgb_or_error(picture: Image.Image) -> bool:
    """LAB has no way to RGB without colour profiles: as a file it must be an ImageError, not a crash."""
    try:
        return load_picture(encoded(picture, "TIFF")).mode == "RGB"
    except ImageError as error:
        return "\n" not in str(error)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_animation_gives_the_first_frame(kind):
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "lime", "blue")]
    content = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
    pixel = load_picture(content).getpixel((8, 8))
    assert pixel[0] > 240
    assert pixel[1] < 20


def test_result_is_plain(tmp_path):
    exif = Image.Exif()
    exif[0x010F] = "camera"
    (tmp_path / "a.jpg").write_bytes(encoded(scene(), "JPEG", exif=exif))
    picture = load_picture(tmp_path / "a.jpg")
    assert type(picture) is Image.Image
    assert picture.info == {}
    (tmp_path / "a.jpg").unlink()
    picture.getpixel((0, 0))


@pytest.mark.parametrize(
    ("size", "limit", "expected"), [((1000, 500), 100, (100, 50)), ((40, 30), 100, (40, 30)), ((3000, 2), 30, (30, 1))]
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_max_side(size, limit, expected, kind):
    picture = load_picture(encoded(scene(*size), kind), max_side_px=limit)
    assert picture.size == expected


def test_shrinking_is_anti_aliased():
    stripes = np.zeros((800, 800), np.uint8)
    stripes[:, ::2] = 255
    pixels = np.asarray(load_picture(encoded(Image.fromarray(stripes), "PNG"), max_side_px=90), np.float32)
    assert np.abs(pixels[4:-4, 4:-4] - 127.5).max() < 6


def test_jpeg_is_decoded_at_reduced_size(monkeypatch):
    content = encoded(Image.effect_noise((3000, 3000), 40), "JPEG")
    decoded = []
    real = JpegImagePlugin.JpegImageFile.load

    def load(picture):
        decoded.append(picture.size)
        return real(picture)

    monkeypatch.setattr(JpegImagePlugin.JpegImageFile, "load", load)
    load_picture(content)
    assert decoded[0] == (3000, 3000)
    decoded.clear()
    load_picture(content, max_side_px=300)
    assert max(decoded[0]) <= 750  # a quarter is the smallest step that leaves 300


# What must be refused


def png_of_claimed_size(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


JPEG = encoded(scene(300, 200), "JPEG")
PNG = encoded(Image.effect_noise((300, 200), 80), "PNG")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "0 bytes"),
        (b"just words, renamed", "not a picture"),
        (b"<svg/>", "not a picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture"),
        (b"\xff\xd8\xff", "not a picture|damaged"),
        (JPEG[: len(JPEG) // 2], "damaged"),
        (JPEG[:700], "damaged"),
        (PNG[: len(PNG) // 2], "damaged"),
        (PNG[:2000] + b"\0" * 300 + PNG[2300:], "damaged"),
        (encoded(scene(), "TIFF", compression="tiff_deflate")[:-200], "damaged|not a picture"),
        (encoded(scene(), "WEBP")[:60], "damaged|not a picture"),
        (encoded(scene(), "GIF")[:40], "damaged|not a picture"),
        (png_of_claimed_size(0, 10), "damaged|not a picture"),
        (png_of_claimed_size(20_000, 10_000), "pixels"),
        (png_of_claimed_size(60_000, 60_000), "pixels"),
        (png_of_claimed_size(2**31 - 1, 2**31 - 1), "pixels"),
    ],
)
def test_damaged_and_hostile_files(tmp_path, content, reason):
    path = tmp_path / "holiday.jpg"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=reason) as caught:
        load_picture(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_limit_of_pixels_can_be_set():
    content = encoded(scene(200, 100), "PNG")
    assert load_picture(content, max_pixels=20_000).size == (200, 100)
    with pytest.raises(ImageError, match="200 x 100"):
        load_picture(content, max_pixels=19_999)


def test_large_but_allowed_picture_gives_no_warning():
    content = encoded(Image.new("1", (12_000, 8_000)), "PNG")
    assert load_picture(content, max_side_px=100).size == (100, 67)


def test_directory_missing_and_unreadable(tmp_path):
    with pytest.raises(ImageError, match=r"gone\.jpg does not exist"):
        load_picture(tmp_path / "gone.jpg")
    with pytest.raises(ImageError, match="is a directory"):
        load_picture(tmp_path)
    with pytest.raises(ImageError, match="zero byte"):
        load_picture("a\0b.jpg")
    with pytest.raises(ImageError, match="cannot be opened"):
        load_picture(tmp_path / ("x" * 300))
    (tmp_path / "file").touch()
    with pytest.raises(ImageError, match="cannot be opened"):
        load_picture(tmp_path / "file" / "below.jpg")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_permission_denied(tmp_path):
    path = tmp_path / "secret.jpg"
    path.write_bytes(JPEG)
    path.chmod(0)
    with pytest.raises(ImageError, match=r"secret\.jpg may not be read"):
        load_picture(path)


def test_permission_denied_as_the_system_says_it(tmp_path, monkeypatch):
    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(ImageError, match=r"a\.jpg may not be read"):
        load_picture("a.jpg")


class FailingFile(io.FileIO):
    def read(self, *_: object) -> bytes:
        raise OSError(5, "Input/output error")


def test_disk_error_while_reading(tmp_path, monkeypatch):
    path = tmp_path / "a.jpg"
    path.write_bytes(JPEG)
    monkeypatch.setattr(os, "fdopen", FailingFile)
    with pytest.raises(ImageError, match=r"a\.jpg cannot be read: Input/output error"):
        load_picture(path)


@pytest.mark.parametrize("read", [load_picture, content_hash])
def test_pipes_and_devices_never_hang(tmp_path, read):
    pipe = tmp_path / "pipe.jpg"
    os.mkfifo(pipe)
    results: list[str] = []

    def attempt() -> None:
        for path in (pipe, "/dev/zero", "/dev/null"):
            try:
                read(path)
            except ImageError as error:
                results.append(str(error))

    thread = threading.Thread(target=attempt, daemon=True)
    thread.start()
    thread.join(timeout=10)
    assert not thread.is_alive()
    assert len(results) == 3
    assert all("a pipe, a device or a socket" in result for result in results)


def test_huge_file_is_refused_unread(tmp_path):
    path = tmp_path / "huge.jpg"
    with path.open("wb") as file:
        file.truncate(10**12)
    with pytest.raises(ImageError, match=r"huge\.jpg has more than"):
        load_picture(path)


def test_threads_share_the_quiet_filters_and_leave_them_as_they_were():
    before = list(warnings.filters)
    noisy = encoded(scene(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    with ThreadPoolExecutor(6) as pool:
        pictures = list(pool.map(load_picture, [noisy] * 120))
    assert len(pictures) == 120
    assert list(warnings.filters) == before


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_damage_ends_in_a_picture_or_one_line(data):
    content = bytearray(data.draw(st.sampled_from([JPEG, PNG, SMALL_GIF, SMALL_TIFF, SMALL_WEBP])))
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.integers(1, len(content)))]
    try:
        picture = load_picture(bytes(content), max_side_px=64, max_pixels=10_000_000)
    except ImageError:
        return
    assert picture.mode == "RGB"
    assert max(picture.size) <= 64


SMALL_GIF = encoded(scene(), "GIF")
SMALL_TIFF = encoded(scene(), "TIFF", compression="tiff_lzw")
SMALL_WEBP = encoded(scene(), "WEBP")


# What the model and the page see


@pytest.mark.parametrize("size", [(40, 40), (41, 40), (30, 40), (90, 10), (1, 300), (1, 1), (2000, 1500)])
def test_letterbox_shape(size):
    frame = letterbox(scene(*size), 48)
    assert frame.shape == (48, 48, 3)
    assert frame.dtype == np.uint8


def test_letterbox_keeps_the_aspect_when_told_and_pads_with_the_border_colour():
    picture = Image.new("RGB", (200, 50), (10, 60, 110))
    picture.paste((255, 255, 255), (80, 15, 120, 35))
    frame = letterbox(picture, 100, max_stretch=1.0).astype(int)
    assert np.abs(frame[:37] - (10, 60, 110)).max() <= 2
    assert np.abs(frame[63:] - (10, 60, 110)).max() <= 2
    white = np.nonzero((frame > 180).all(axis=2))
    assert np.ptp(white[1]) + 1 == pytest.approx(20, abs=2)
    assert np.ptp(white[0]) + 1 == pytest.approx(10, abs=2)


def test_letterbox_stretches_usual_photos_to_the_whole_frame():
    frame = letterbox(scene(400, 300), 64)
    assert is_scene(Image.fromarray(frame))
    wide = letterbox(Image.new("RGB", (400, 100), "red"), 60)
    assert (wide == (255, 0, 0)).all()
    bar = Image.new("RGB", (400, 100), "white")
    bar.paste((0, 0, 0), (0, 40, 400, 60))
    rows = np.nonzero(letterbox(bar, 60)[:, 30, 0] < 128)[0]
    assert len(rows) == pytest.approx(60 * (4 / 3) / 4 / 5, abs=1)


def test_letterbox_is_anti_aliased_and_takes_any_mode():
    stripes = np.zeros((640, 640), np.uint8)
    stripes[:, ::2] = 255
    frame = letterbox(Image.fromarray(stripes), 70).astype(float)
    assert np.abs(frame[3:-3, 3:-3] - 127.5).max() < 8
    assert letterbox(transparent("RGBA"), 20)[10, 19].tolist() == [255, 255, 255]


@pytest.mark.parametrize(
    ("size", "expected"), [((800, 400), (256, 128)), ((100, 50), (100, 50)), ((3, 2000), (1, 256))]
)
def test_thumbnail(size, expected):
    content = thumbnail_jpeg(scene(*size))
    with Image.open(io.BytesIO(content)) as picture:
        assert picture.format == "JPEG"
        assert picture.size == expected
    assert len(content) < 40_000


def test_content_hash_is_of_the_bytes(tmp_path):
    one, other = tmp_path / "one.jpg", tmp_path / "other.png"
    one.write_bytes(JPEG)
    other.write_bytes(JPEG)
    assert content_hash(one) == content_hash(str(other)) == hashlib.sha256(JPEG).hexdigest()
    other.write_bytes(JPEG + b"x")
    assert content_hash(one) != content_hash(other)
    with pytest.raises(ImageError, match="does not exist"):
        content_hash(tmp_path / "gone")
