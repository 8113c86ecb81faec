"""SVG drawings: every path command and shape, transforms, and hostile files."""

from __future__ import annotations

import itertools
import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stbir.errors import SketchError
from stbir.strokes import Sketch
from stbir.svg import read_svg
from stbir.svg_path import arc_points, flatten_path


def svg(body: str, head: str = 'viewBox="0 0 100 100"') -> str:
    return f'<svg xmlns="http://www.w3.org/2000/svg" {head}>{body}</svg>'


def lines_of(body: str, head: str = 'viewBox="0 0 100 100"') -> list[list[list[float]]]:
    return [np.round(line, 4).tolist() for line in read_svg(svg(body, head))[0]]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("M1 2 3 4", [[(1, 2), (3, 4)]]),
        ("m1 2 3 4", [[(1, 2), (4, 6)]]),
        ("M1,2L3,4,5,6", [[(1, 2), (3, 4), (5, 6)]]),
        ("M0 0H5V6h-1v-2", [[(0, 0), (5, 0), (5, 6), (4, 6), (4, 4)]]),
        ("M.5.5-1-1", [[(0.5, 0.5), (-1, -1)]]),
        ("M1e1-2E0L+3,4", [[(10, -2), (3, 4)]]),
        ("M0 0L1 0 1 1ZM5 5l1 1", [[(0, 0), (1, 0), (1, 1), (0, 0)], [(5, 5), (6, 6)]]),
        ("M2 2l1 0z l0 1", [[(2, 2), (3, 2), (2, 2)], [(2, 2), (2, 3)]]),
        ("M0 0C0 0 3 3 3 3", [[(0, 0), (3, 3)]]),
        ("", []),
        (" M7 7 ", []),
        ("M9 9M1 1h1", [[(1, 1), (2, 1)]]),
        ("M7 7z", [[(7, 7), (7, 7)]]),
    ],
)
def test_straight_path_commands(data, expected):
    lines = flatten_path(data)
    if "C" in data:
        assert (lines[0][0], lines[0][-1]) == (expected[0][0], expected[0][-1])
        assert all(x == pytest.approx(y) for x, y in lines[0])
    else:
        assert lines == expected


def bezier(t, *points):
    degree = len(points) - 1
    weights = [math.comb(degree, k) * t**k * (1 - t) ** (degree - k) for k in range(degree + 1)]
    return sum(w * x for w, (x, _) in zip(weights, points, strict=True)), sum(
        w * y for w, (_, y) in zip(weights, points, strict=True)
    )


@pytest.mark.parametrize(
    ("data", "curves"),
    [
        ("M0 0C0 50 50 50 50 0", [((0, 0), (0, 50), (50, 50), (50, 0))]),
        ("M10 10c0 50 50 50 50 0", [((10, 10), (10, 60), (60, 60), (60, 10))]),
        ("M0 0Q25 50 50 0", [((0, 0), (25, 50), (50, 0))]),
        ("M0 0C0 9 9 9 9 0S18-9 18 0", [((0, 0), (0, 9), (9, 9), (9, 0)), ((9, 0), (9, -9), (18, -9), (18, 0))]),
        ("M0 0Q5 9 10 0S20 9 20 0", [((0, 0), (5, 9), (10, 0)), ((10, 0), (10, 0), (20, 9), (20, 0))]),
        ("M0 0S9 9 9 0", [((0, 0), (0, 0), (9, 9), (9, 0))]),
        (
            "M0 0Q5 9 10 0T20 0t10 0",
            [((0, 0), (5, 9), (10, 0)), ((10, 0), (15, -9), (20, 0)), ((20, 0), (25, 9), (30, 0))],
        ),
        ("M0 0T9 9", [((0, 0), (0, 0), (9, 9))]),
    ],
)
def test_curves_stay_near_their_formula(data, curves):
    (line,) = flatten_path(data)
    exact = np.array([bezier(t, *points) for points in curves for t in np.linspace(0, 1, 400)])
    assert line[-1] == pytest.approx(curves[-1][-1])
    extent = np.ptp(exact, axis=0).max()
    assert distance_from(np.array(line), exact) < 0.01 * extent
    assert distance_from(exact, densified(line)) < 0.01 * extent


def densified(line):
    points = np.array(line)
    return np.concatenate([a + np.linspace(0, 1, 30)[:, None] * (b - a) for a, b in itertools.pairwise(points)])


def distance_from(points, others):
    return float(np.hypot(*(points[:, None] - others[None]).transpose(2, 0, 1)).min(axis=1).max())


@pytest.mark.parametrize(("flags", "centre"), [("00", (50, 50)), ("11", (50, 50)), ("01", (0, 0)), ("10", (0, 0))])
def test_arc_flags_choose_the_circle(flags, centre):
    (line,) = flatten_path(f"M50 0A50 50 0 {flags[0]}{flags[1]}0 50")
    radii = [math.dist(point, centre) for point in line]
    assert radii == pytest.approx([50] * len(radii))
    length = sum(math.dist(a, b) for a, b in itertools.pairwise(line))
    quarter = 25 * math.pi
    assert length == pytest.approx(3 * quarter if flags[0] == "1" else quarter, rel=0.01)


def test_relative_arc_rotated_ellipse_and_too_small_radii():
    (line,) = flatten_path("m10 10a30 10 90 0 1 20 60")
    assert line[-1] == (30, 70)
    (half,) = flatten_path("M0 0A1 1 0 0 1 20 0")
    assert [math.dist(point, (10, 0)) for point in half] == pytest.approx([10] * len(half))
    assert flatten_path("M0 0A0 5 0 0 1 9 9") == [[(0, 0), (9, 9)]]


@settings(deadline=None)
@given(
    *[st.floats(-1e7, 1e7)] * 4,
    st.floats(0, 1e7),
    st.floats(0, 1e7),
    st.floats(-1e7, 1e7),
    st.booleans(),
    st.booleans(),
)
def test_no_arc_breaks(x, y, end_x, end_y, rx, ry, degrees, is_large, is_sweep):
    points = arc_points((x, y), (end_x, end_y), (rx, ry), degrees, is_large=is_large, is_sweep=is_sweep)
    assert points[-1] == (end_x, end_y)
    assert len(points) <= 49
    assert np.isfinite(points).all()


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ('<line x1="1" y1="2" x2="50%" y2="4"/>', [[[1, 2], [50, 4]]]),
        ('<polyline points="1,2 3,4 5-6"/>', [[[1, 2], [3, 4], [5, -6]]]),
        ('<polygon points="0 0 4 0 4 4"/>', [[[0, 0], [4, 0], [4, 4], [0, 0]]]),
        ('<rect x="1" y="2" width="3" height="4px"/>', [[[1, 2], [4, 2], [4, 6], [1, 6], [1, 2]]]),
        ('<rect width="0" height="4"/><circle r="0"/><path/><polyline/>', []),
        ('<svg:path xmlns:svg="u" d="M1 1h1"/>', [[[1, 1], [2, 1]]]),
    ],
)
def test_shapes(shape, expected):
    assert lines_of(shape) == expected


@pytest.mark.parametrize(
    ("shape", "radii"),
    [('<circle cx="30" cy="40" r="10"/>', (10, 10)), ('<ellipse cx="30" cy="40" rx="20" ry="5"/>', (20, 5))],
)
def test_round_shapes_are_closed_ellipses(shape, radii):
    (line,) = read_svg(svg(shape))[0]
    assert np.hypot(*((line - (30, 40)) / radii).T) == pytest.approx(np.ones(len(line)), abs=1e-5)
    assert line[0] == pytest.approx(line[-1])
    assert np.ptp(line, axis=0) == pytest.approx(np.multiply(radii, 2), rel=1e-3)


def test_rounded_rectangle():
    (line,) = read_svg(svg('<rect x="10" y="10" width="40" height="20" rx="5"/>'))[0]
    assert line.min(axis=0).tolist() == [10, 10]
    assert line.max(axis=0).tolist() == [50, 30]
    assert np.hypot(*(line - (10, 10)).T).min() == pytest.approx(5 * (math.sqrt(2) - 1), abs=0.05)


@pytest.mark.parametrize(
    ("transform", "expected"),
    [
        ("translate(5)", (15, 20)),
        ("translate(5, -6)", (15, 14)),
        ("scale(2)", (20, 40)),
        ("scale(2 3)", (20, 60)),
        ("rotate(90)", (-20, 10)),
        ("rotate(90 10 20)", (10, 20)),
        ("rotate(180, 0, 20)", (-10, 20)),
        ("skewX(45)", (30, 20)),
        ("skewY(45)", (10, 30)),
        ("matrix(1 2 3 4 5 6)", (75, 106)),
        ("translate(5 5) scale(2)", (25, 45)),
        ("scale(2),translate(5 5)", (30, 50)),
    ],
)
def test_transforms(transform, expected):
    lines = lines_of(f'<g transform="{transform}"><g><path d="M10 20z"/></g></g>')
    assert lines[0][0] == pytest.approx(expected, abs=1e-3)


def test_transforms_nest_and_end_with_their_group():
    body = '<g transform="translate(10 0)"><path transform="scale(2)" d="M1 1z"/></g><path d="M1 1z"/>'
    assert [line[0] for line in lines_of(body)] == [[12, 2], [1, 1]]


def test_view_box_moves_the_origin_and_gives_the_size():
    lines, size = read_svg(svg('<path d="M10 20L30 40"/>', 'viewBox="10 20 200 100"'))
    assert lines[0].tolist() == [[0, 0], [20, 20]]
    assert size == (200, 100)
    assert read_svg(svg('<path d="M0 0"/>', 'width="1in" height="50"'))[1] == (96, 50)
    assert read_svg(svg('<path d="M0 0"/>', ""))[1] is None


def test_inner_svg_is_scaled_into_its_place():
    body = '<svg x="10" y="10" width="20" height="20" viewBox="0 0 2 2"><path d="M1 1h1"/></svg>'
    assert lines_of(body) == [[[20, 20], [30, 20]]]


def test_what_is_not_painted_is_left_out():
    body = (
        '<rect width="100%" height="100%" fill="white"/>'
        '<defs><path d="M1 1h1"/></defs><g display="none"><path d="M2 2h1"/></g>'
        '<path style="display: none" d="M3 3h1"/><g fill="none"><path d="M4 4h1"/><path stroke="red" d="M5 5h1"/></g>'
        '<clipPath><rect width="5" height="5"/></clipPath><text>words</text>'
    )
    assert lines_of(body) == [[[5, 5], [6, 5]]]


ENTITY_BOMB = (
    '<!DOCTYPE svg [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;">]>'
    "<svg><text>&c;</text></svg>"
)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not well-formed"),
        ("<svg>", "not well-formed"),
        ("<svg>&undefined;</svg>", "not well-formed"),
        ("<html><path d='M0 0'/></html>", "root element"),
        (svg(""), "no path"),
        (ENTITY_BOMB, "document type"),
        ('<!DOCTYPE svg SYSTEM "file:///etc/passwd"><svg/>', "document type"),
        ('<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "x.dtd"><svg/>', "document type"),
        (svg('<path d="L1 1"/>'), "starts with"),
        (svg('<path d="M1 1 L"/>'), "broken at character"),
        (svg('<path d="M1 1 L2 b"/>'), "broken at character"),
        (svg('<path d="M1 1z5"/>'), "broken at character"),
        (svg('<path d="M0 0A1 1 0 2 0 5 5"/>'), "broken at character"),
        (svg('<path d="M1e300 1"/>'), "out of range"),
        (svg('<path d="M1 1" transform="warp(3)"/>'), "transform"),
        (svg('<path d="M1 1" transform="scale(1 2 3)"/>'), "transform"),
        (svg('<path d="M1 1" transform="translate(nan)"/>'), "out of range"),
        (svg('<path d="M1 1" transform="' + "scale(1e7)" * 30 + '"/>'), "transforms"),
        (svg('<path d="M9e6 1h1" transform="scale(100)"/>'), "outside"),
        (svg('<circle r="big"/>'), "r='big'"),
        (svg("", 'viewBox="0 0 0 5"'), "viewBox"),
        (svg("", 'viewBox="a b c d"'), "numbers"),
        (svg("<g>" * 200 + "</g>" * 200), "nested"),
        (svg("<g/>" * 20_001), "elements"),
        (svg('<path d="M0 0' + "h1" * 200_001 + '"/>'), "points"),
        (svg('<path d="M0 0' + "h1" * 150_000 + '"/><path d="M0 0' + "h1" * 60_000 + '"/>'), "points"),
        (svg('<path d="M0 0' + "a1 1 0 1 0 1 1" * 8_000 + '"/>'), "points"),
        (" " * 8_000_001, "bytes"),
        (b'<?xml version="1.0" encoding="utf-7"?><svg/>', "not well-formed"),
        (b'<?xml version="1.0" encoding="nonsense"?><svg/>', "not well-formed"),
        (b"<svg>\xff\xfe\x00</svg>", "not well-formed"),
        ("<svg>\x00</svg>", "not well-formed"),
        ("<svg>\ud800</svg>", "not well-formed"),
    ],
)
def test_hostile_svg_is_one_clear_line_soon(text, reason):
    start = time.perf_counter()
    with pytest.raises(SketchError, match=reason) as caught:
        Sketch.from_svg(text)
    assert time.perf_counter() - start < 3
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


@settings(max_examples=150, deadline=None)
@given(st.text("MmLlHhVvCcSsQqTtAaZz0123456789.,-+e ", max_size=60))
def test_any_path_data_is_read_or_refused(data):
    try:
        lines = flatten_path(data)
    except SketchError:
        return
    assert all(line for line in lines)
