"""HEIC and raw photos by their extras, and what a photo's file says of itself."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

from stbir.errors import ImageError
from stbir.exif import MAX_CAMERA_CHARACTERS, PhotoData, photo_data
from stbir.images import load_picture, picture_header

RED, BLUE = (200, 20, 20), (20, 20, 200)


def halves(width=60, height=40):
    """Red on the left, blue on the right."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:, : width // 2], pixels[:, width // 2 :] = RED, BLUE
    return Image.fromarray(pixels)


def tiff_entry(tag, kind, count, data, place):
    """One field of a TIFF directory, and what does not fit into it."""
    if len(data) <= 4:
        return struct.pack("<HHI", tag, kind, count) + data.ljust(4, b"\0"), b""
    return struct.pack("<HHII", tag, kind, count, place), data + b"\0" * (len(data) % 2)


def write_dng(path, width=200, height=120):
    """A raw photo without a preview: dark on the left, bright on the right."""
    sensor = np.full((height, width), 2000, np.uint16)
    sensor[:, width // 2 :] = 12000
    identity = b"".join(struct.pack("<ii", value, 1) for value in (1, 0, 0, 0, 1, 0, 0, 0, 1))
    short, long = (lambda *v: struct.pack(f"<{len(v)}H", *v)), (lambda *v: struct.pack(f"<{len(v)}I", *v))
    fields = [
        (254, 4, 1, long(0)), (256, 4, 1, long(width)), (257, 4, 1, long(height)), (258, 3, 1, short(16)),
        (259, 3, 1, short(1)), (262, 3, 1, short(32803)), (271, 2, 6, b"stbir\0"), (272, 2, 5, b"test\0"),
        (273, 4, 1, long(0)), (274, 3, 1, short(1)), (277, 3, 1, short(1)), (278, 4, 1, long(height)),
        (279, 4, 1, long(sensor.nbytes)), (33421, 3, 2, short(2, 2)), (33422, 1, 4, bytes([0, 1, 1, 2])),
        (50706, 1, 4, bytes([1, 4, 0, 0])), (50708, 2, 11, b"stbir test\0"), (50714, 3, 1, short(0)),
        (50717, 4, 1, long(16383)), (50721, 10, 9, identity), (50728, 5, 3, long(1, 1, 1, 1, 1, 1)),
        (50778, 3, 1, short(21)),
    ]  # fmt: skip
    start = 8 + 2 + 12 * len(fields) + 4
    beside = sum(len(data) + len(data) % 2 for _, _, _, data in fields if len(data) > 4)
    directory, behind = b"", b""
    for tag, kind, count, data in fields:
        value = long(start + beside) if tag == 273 else data
        entry, more = tiff_entry(tag, kind, count, value, start + len(behind))
        directory, behind = directory + entry, behind + more
    head = b"II*\0" + long(8) + short(len(fields))
    path.write_bytes(head + directory + long(0) + behind + sensor.tobytes())
    return path


def test_heic_is_read_upright_with_its_date(tmp_path):
    pillow_heif = pytest.importorskip("pillow_heif")
    pillow_heif.register_heif_opener()
    exif = Image.Exif()
    exif[0x0110] = "iPhone 15"
    exif.get_ifd(0x8769)[0x9003] = "2024:06:30 18:05:00"
    halves().save(tmp_path / "a.heic", exif=exif.tobytes(), quality=90)
    picture = load_picture(tmp_path / "a.heic")
    assert picture.size == (60, 40)
    assert np.allclose(picture.getpixel((10, 20)), RED, atol=25)
    assert np.allclose(picture.getpixel((50, 20)), BLUE, atol=25)
    header = picture_header(tmp_path / "a.heic")
    assert header.size_px == (60, 40)
    assert header.photo == PhotoData("2024-06-30T18:05:00", "iPhone 15")


@pytest.mark.parametrize("length", [12, 40, 300])
def test_a_torn_heic_is_one_line(tmp_path, length):
    pillow_heif = pytest.importorskip("pillow_heif")
    pillow_heif.register_heif_opener()
    halves().save(tmp_path / "a.heic")
    content = (tmp_path / "a.heic").read_bytes()[:length]
    with pytest.raises(ImageError) as caught:
        load_picture(content)
    assert "\n" not in str(caught.value)


def test_a_raw_photo_without_a_preview_is_developed(tmp_path):
    pytest.importorskip("rawpy")
    picture = load_picture(write_dng(tmp_path / "a.dng"))
    assert picture.size == (100, 60)
    dark, bright = (np.mean(picture.getpixel((x, 30))) for x in (20, 80))
    assert dark + 50 < bright


@pytest.mark.parametrize("content", [b"", b"II*\0", b"noise" * 100])
def test_a_raw_photo_that_is_none_is_one_line(tmp_path, content):
    pytest.importorskip("rawpy")
    (tmp_path / "a.nef").write_bytes(content)
    with pytest.raises(ImageError) as caught:
        load_picture(tmp_path / "a.nef")
    assert "\n" not in str(caught.value)
    assert str(tmp_path / "a.nef") in str(caught.value)


def exif_of(**fields):
    exif = Image.Exif()
    for tag, value in fields.items():
        number = int(tag[1:], 16)
        (exif.get_ifd(0x8769) if number >= 0x9000 else exif)[number] = value
    return exif


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, PhotoData()),
        ({"x010F": "NIKON", "x0110": "D750"}, PhotoData(None, "NIKON D750")),
        ({"x010F": "Canon", "x0110": "Canon EOS"}, PhotoData(None, "Canon EOS")),
        ({"x010F": "Ev\nil\x1b[0m", "x0110": ""}, PhotoData(None, "Ev il [0m")),
        ({"x0110": "x" * 5000}, PhotoData(None, "x" * MAX_CAMERA_CHARACTERS)),
        ({"x0110": 7}, PhotoData()),
        ({"x9003": "2024:06:30 18:05:00"}, PhotoData("2024-06-30T18:05:00")),
        ({"x9003": "0000:00:00 00:00:00", "x9004": "2001:02:03 04:05:06"}, PhotoData("2001-02-03T04:05:06")),
        ({"x9003": "yesterday"}, PhotoData()),
        ({"x0132": "2024:06:30 18:05:00"}, PhotoData()),
    ],
)
def test_what_a_file_says_is_checked(fields, expected):
    assert photo_data(exif_of(**fields)) == expected


def test_a_damaged_block_counts_as_absent():
    buffer = io.BytesIO()
    halves().save(buffer, "JPEG", exif=b"Exif\0\0II*\0" + b"\xff" * 60)
    assert picture_header(buffer.getvalue()).photo == PhotoData()
