"""Pictures and photos of drawings become the strokes that were drawn."""

from __future__ import annotations

import io
import os
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from stbir.binarize import find_ink
from stbir.errors import SketchError
from stbir.raster import draw_polylines
from stbir.skeleton import thin
from stbir.strokes import Sketch
from stbir.tracing import trace_mask

SIZE = 256


def chair() -> list[np.ndarray]:
    """A drawing with corners, curves, crossings, parallel lines and a small mark."""
    turn = np.linspace(0, 2 * np.pi, 40)
    return [
        np.array([[60, 40], [180, 36], [184, 130], [64, 134], [60, 40]], np.float32),
        np.array([[64, 134], [40, 160], [200, 164], [184, 130]], np.float32),
        np.array([[44, 160], [40, 230]], np.float32),
        np.array([[196, 164], [202, 232]], np.float32),
        np.array([[42, 200], [200, 196]], np.float32),
        np.stack([120 + 30 * np.cos(turn), 85 + 22 * np.sin(turn)], axis=1).astype(np.float32),
        np.array([[80, 60], [160, 112]], np.float32),
        np.array([[100, 180], [112, 181]], np.float32),
    ]


def drawn(width: float = 3.0, size: int = SIZE) -> Image.Image:
    return Image.fromarray(draw_polylines([line * (size / SIZE) for line in chair()], size, width * size / SIZE))


def ink_mask(lines: list[np.ndarray], width: float) -> np.ndarray:
    return draw_polylines(lines, SIZE, width) < 128


def missed_and_invented(sketch: Sketch, scale: float = 1.0, offset: tuple[float, float] = (0, 0), slack: float = 3.0):
    """Shares of the true ink that no stroke comes near, and of the strokes that no true ink is near."""
    lines = [((stroke[:, :2] - offset) * scale).astype(np.float32) for stroke in sketch.strokes]
    truth, found = ink_mask(chair(), 1.5), ink_mask(lines, 1.5)
    missed = (truth & ~ink_mask(lines, 2 * slack)).sum() / truth.sum()
    invented = (found & ~ink_mask(chair(), 2 * slack)).sum() / found.sum()
    return missed, invented


@pytest.mark.parametrize("width", [1.0, 2.0, 4.0, 7.0])
def test_traces_what_was_drawn(width):
    sketch = Sketch.from_raster(drawn(width))
    missed, invented = missed_and_invented(sketch, slack=2.0 + width / 2)
    assert missed < 0.01
    assert invented < 0.01
    assert len(sketch.strokes) <= 14
    assert sketch.num_points < 260
    assert sketch.size == (SIZE, SIZE)


def test_strokes_run_straight_through_crossings_longest_first():
    cross = [np.array([[20, 20], [230, 220]], np.float32), np.array([[30, 210], [200, 30]], np.float32)]
    sketch = Sketch.from_raster(Image.fromarray(draw_polylines(cross, SIZE, 4.0)))
    assert len(sketch.strokes) == 2
    lengths = [float(np.hypot(*np.diff(stroke, axis=0).T).sum()) for stroke in sketch.strokes]
    assert lengths == pytest.approx([290, 247.6], abs=8)


def test_a_loop_is_closed():
    turn = np.linspace(0, 2 * np.pi, 60)
    ring = np.stack([128 + 70 * np.cos(turn), 128 + 50 * np.sin(turn)], axis=1).astype(np.float32)
    (stroke,) = Sketch.from_raster(Image.fromarray(draw_polylines([ring], SIZE, 3.0))).strokes
    assert np.hypot(*(stroke[0] - stroke[-1])) < 2
    assert np.abs(np.hypot((stroke[:, 0] - 128) / 70, (stroke[:, 1] - 128) / 50) - 1).max() < 0.03


def test_a_dot_stays_a_mark():
    picture = drawn(3.0)
    ImageDraw.Draw(picture).ellipse((228, 20, 233, 25), fill=0)
    strokes = Sketch.from_raster(picture).strokes
    assert any(np.abs(stroke.mean(axis=0) - (230.5, 22.5)).max() < 3 for stroke in strokes)


def as_alpha(colour: tuple[int, int, int]) -> Image.Image:
    layer = Image.new("RGBA", (SIZE, SIZE), (*colour, 0))
    layer.putalpha(ImageOps.invert(drawn()))
    return layer


def coloured(ink: tuple[int, int, int], paper: tuple[int, int, int]) -> Image.Image:
    return ImageOps.colorize(drawn(), black=ink, white=paper)


VARIANTS = {
    "white on black": ImageOps.invert(drawn()),
    "transparent paper": as_alpha((0, 0, 0)),
    "red on transparent": as_alpha((220, 30, 30)),
    "yellow on white": coloured((250, 230, 40), (255, 255, 255)),
    "blue on grey": coloured((40, 60, 200), (150, 150, 150)),
    "chalk on green": coloured((240, 240, 230), (30, 80, 50)),
    "faint pencil": drawn().point(lambda value: 190 + value // 4),
    "black and white": drawn().convert("1"),
    "palette": coloured((0, 0, 0), (255, 255, 255)).quantize(16),
    "sixteen bits": Image.fromarray(np.asarray(drawn()).astype(np.uint16) * 257),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_any_pen_on_any_paper(name):
    missed, invented = missed_and_invented(Sketch.from_raster(VARIANTS[name]))
    assert missed < 0.02
    assert invented < 0.02


def test_arrays_are_pictures_too():
    pixels = np.asarray(drawn())
    from_grey = Sketch.from_raster(pixels).to_json()
    assert from_grey == Sketch.from_raster(drawn()).to_json()
    assert from_grey == Sketch.from_raster(np.stack([pixels] * 3, axis=2)).to_json()


@pytest.mark.parametrize(
    "pixels", [np.zeros((4, 4), np.float32), np.zeros((4, 4, 2), np.uint8), np.zeros((0, 4), np.uint8)]
)
def test_other_arrays_are_refused(pixels):
    with pytest.raises(SketchError, match="uint8"):
        Sketch.from_raster(pixels)


@pytest.mark.parametrize("size", [(1, 1), (3, 3), (200, 1), (64, 48), (3000, 10)])
@pytest.mark.parametrize("value", [0, 128, 255])
def test_blank_pictures_hold_no_lines(size, value):
    with pytest.raises(SketchError, match="no lines"):
        Sketch.from_raster(Image.new("L", size, value))


def test_filled_areas_become_outlines():
    picture = Image.new("L", (SIZE, SIZE), 255)
    ImageDraw.Draw(picture).polygon([(40, 60), (200, 40), (220, 180), (60, 200)], fill=0)
    sketch = Sketch.from_raster(picture)
    outline = np.array([[40, 60], [200, 40], [220, 180], [60, 200], [40, 60]], np.float32)
    assert sketch.ink_length == pytest.approx(float(np.hypot(*np.diff(outline, axis=0).T).sum()), rel=0.12)
    assert sketch.bounds == pytest.approx((40, 40, 220, 200), abs=10)


# Photos


def photo(
    seed: int = 0,
    *,
    ink: tuple[int, int, int] = (40, 40, 50),
    paper: tuple[int, int, int] = (205, 200, 190),
    shadow: bool = True,
    table: bool = False,
    side: int = 585,
    noise: float = 6,
    place: tuple[int, int] = (162, 65),
    size: tuple[int, int] = (1040, 780),
) -> Image.Image:
    """A phone photo of the drawing: uneven light, a hard shadow, noise, blur, JPEG; perhaps a dark table around."""
    rng = np.random.default_rng(seed)
    width, height = size
    sheet = Image.new("L", size, 255)
    sheet.paste(drawn(3.0, side), place)
    share = (255 - np.asarray(sheet, np.float32))[:, :, None] / 255 * 0.9
    pixels = np.array(paper, np.float32) * (1 - share) + np.array(ink, np.float32) * share
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j].astype(np.float32)
    if table:
        grain = 60 + 12 * np.sin(140 * y + 3 * np.sin(9 * x))
        pixels[(x < 0.1) | (y > 0.9)] = 0
        pixels += grain[:, :, None] * ((x < 0.1) | (y > 0.9))[:, :, None] * np.array([1.4, 1, 0.7])
    light = 1 + 0.25 * (x - 0.5) - 0.2 * (y - 0.5)
    if shadow:
        light = light * (1 - 0.45 / (1 + np.exp(-(0.8 * x + 0.6 * y - 0.75) / 0.02)))
    pixels = pixels * light[:, :, None] + rng.normal(0, noise, (height, width, 1))
    picture = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(1.0))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=80)
    return Image.open(io.BytesIO(buffer.getvalue()))


PHOTOS = {
    "plain": {},
    "blue pen": {"ink": (50, 80, 190)},
    "red pen on brown paper": {"ink": (190, 30, 40), "paper": (170, 140, 105)},
    "pencil on grey paper": {"ink": (110, 110, 115), "paper": (185, 185, 185)},
    "chalk": {"ink": (230, 230, 220), "paper": (45, 65, 55)},
    "noisy": {"noise": 16},
    "on a table": {"table": True},
    "small in the corner": {"side": 210, "place": (780, 455)},
    "small on a table": {"side": 215, "place": (750, 425), "table": True},
}


@pytest.mark.parametrize("name", PHOTOS)
def test_photos(name):
    settings = {"side": 585, "place": (162, 65)} | PHOTOS[name]
    sketch = Sketch.from_raster(photo(**PHOTOS[name]))
    missed, invented = missed_and_invented(sketch, SIZE / settings["side"], settings["place"], slack=4.0)
    assert missed < 0.05
    assert invented < 0.05


def test_large_photo_is_bounded():
    picture = photo().resize((4000, 3000))
    start = time.perf_counter()
    sketch = Sketch.from_raster(picture)
    assert time.perf_counter() - start < 3
    missed, _ = missed_and_invented(sketch, SIZE / 585 * 0.26, (623, 250), slack=4.0)
    assert missed < 0.05


def test_noise_alone_ends_soon():
    rng = np.random.default_rng(0)
    noise = Image.fromarray(rng.integers(0, 256, (512, 512), dtype=np.uint8))
    start = time.perf_counter()
    try:
        Sketch.from_raster(noise)
    except SketchError as error:
        assert "no lines" in str(error)  # noqa: PT017
    assert time.perf_counter() - start < 5


def test_usual_drawing_is_quick():
    picture = drawn()
    Sketch.from_raster(picture)
    times = []
    for _ in range(7):
        start = time.perf_counter()
        Sketch.from_raster(picture)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.06


# Parts


def count_parts(mask: np.ndarray) -> int:
    """Connected parts, neighbours across corners too: a slow flood fill."""
    todo = set(zip(*np.nonzero(mask), strict=True))
    parts = 0
    while todo:
        parts += 1
        pending = [todo.pop()]
        while pending:
            y, x = pending.pop()
            near = {(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)} & todo
            todo -= near
            pending += near
    return parts


@pytest.mark.parametrize("seed", range(12))
def test_thinning_keeps_parts_and_holes_and_leaves_lines(seed):
    rng = np.random.default_rng(seed)
    blobs = Image.fromarray(rng.integers(0, 256, (14, 14), dtype=np.uint8)).resize((90, 90), Image.Resampling.BICUBIC)
    mask = np.asarray(blobs) > 140
    skeleton = thin(mask)
    assert not (skeleton & ~mask).any()
    assert count_parts(skeleton) == count_parts(mask)
    outside, outside_thin = np.pad(~mask, 1, constant_values=True), np.pad(~skeleton, 1, constant_values=True)
    assert holes(outside_thin) == holes(outside)
    full = sum(skeleton[dy : dy + 88, dx : dx + 88].astype(int) for dy in range(2) for dx in range(2))
    assert (full == 4).sum() <= 2


def holes(paper: np.ndarray) -> int:
    """Parts of the paper, neighbours across edges only, counted on a doubled grid that has no corner contacts."""
    double = np.kron(paper, np.ones((2, 2), bool))
    closed = double & np.roll(double, 1, 0) & np.roll(double, 1, 1) & np.roll(np.roll(double, 1, 0), 1, 1)
    return count_parts(closed)


def test_thinning_nothing():
    assert not thin(np.zeros((5, 5), bool)).any()
    assert trace_mask(np.zeros((5, 5), bool)) == []


def test_trace_mask_is_the_quick_way_for_black_and_white():
    lines = trace_mask(np.asarray(drawn()) < 128)
    missed, invented = missed_and_invented(Sketch(tuple(lines)))
    assert max(missed, invented) < 0.01


def test_spurs_of_thick_lines_are_pruned():
    picture = Image.new("L", (SIZE, SIZE), 255)
    ImageDraw.Draw(picture).line((30, 60, 220, 190), fill=0, width=8)
    line, wider = np.asarray(picture) < 128, np.asarray(picture.filter(ImageFilter.MinFilter(3))) < 128
    ragged = line | (wider & (np.random.default_rng(0).random(line.shape) < 0.5))
    (found,) = trace_mask(ragged, is_clean=False)
    assert np.hypot(*(found[-1] - found[0])) == pytest.approx(230, abs=12)


def test_a_short_spur_goes_and_a_long_branch_stays():
    mask = np.zeros((60, 120), bool)
    mask[40, 10:110] = True
    mask[38:40, 50] = True
    assert len(trace_mask(mask)) == 1
    mask[20:40, 70] = True
    assert len(trace_mask(mask)) == 2


def test_clean_and_photo_are_told_apart():
    assert find_ink(drawn()).is_clean
    assert not find_ink(photo().resize((512, 384))).is_clean


@pytest.mark.shared_data
def test_real_drawings_are_traced_nearly_completely():
    root = os.environ.get("STBIR_DATA")
    files = sorted(Path(root).glob("sketchy-125/sketch/*/*.png"))[::40] if root else []
    if not files:
        pytest.skip("set STBIR_DATA to the folder that holds sketchy-125/")
    missed = []
    for file in files:
        with Image.open(file) as picture:
            ink = np.asarray(picture.convert("L")) < 160
            sketch = Sketch.from_raster(picture)
        drawn_again = draw_polylines([stroke[:, :2] for stroke in sketch.strokes], ink.shape[0], 7.0) < 128
        missed.append((ink & ~drawn_again).sum() / ink.sum())
    assert np.mean(missed) < 0.01
