"""Pictures: the same spec gives the same pixels, every kind shows, twins share what they should."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from stbir.errors import ConfigError, MissingExtraError
from stbir.synth import FAMILIES, KINDS, Background, render, sample_block, sample_spec
from stbir.synth import raster as raster_module
from stbir.synth.objects import FIRST_FAMILIES

WHITE = Background("studio", "#ffffff", "#ffffff")


@pytest.fixture(scope="module")
def vtk():
    pytest.importorskip("vtkmodules", reason="needs the extra synth")


def pixels(spec, size_px=64):
    return np.asarray(render(spec, size_px)).astype(int)


def silhouette(spec, size_px=64):
    from stbir.synth.camera import Camera
    from stbir.synth.render import geometry

    body = geometry(spec)
    projected = Camera.framing(body.vertices, spec.view).project(body.vertices)
    return raster_module.visible_faces(projected, body.faces, size_px) >= 0


def test_at_least_five_families():
    assert {"chair", "shoe", "mug", "lamp", "bag"} <= set(FAMILIES)
    assert all(len(FAMILIES[name]) >= 3 for name in FIRST_FAMILIES)
    assert all(name not in KINDS or len(kinds) == 1 for name, kinds in FAMILIES.items()), "a family named as a kind"


def test_same_spec_same_pixels_also_after_other_pictures(vtk):
    spec = sample_spec(np.random.default_rng(1), "ankle boot")
    first = pixels(spec)
    pixels(sample_spec(np.random.default_rng(2), "mug"))
    assert np.array_equal(first, pixels(spec))


def test_same_seed_same_spec():
    assert sample_spec(np.random.default_rng(5)) == sample_spec(np.random.default_rng(5))
    assert sample_spec(np.random.default_rng(5)) != sample_spec(np.random.default_rng(6))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_shows_whole_and_large(vtk, kind):
    spec = sample_spec(np.random.default_rng([3, len(kind)]), kind)
    covered = silhouette(spec)
    rows, columns = np.nonzero(covered)
    assert covered.mean() > 0.03, "nearly nothing to be seen"
    assert rows.min() > 1
    assert columns.min() > 1
    assert rows.max() < 62
    assert columns.max() < 62
    assert max(np.ptp(rows), np.ptp(columns)) > 0.6 * 64
    # colour: where the object is, the picture differs from the bare background
    assert pixels(spec)[covered].std() > 4


@pytest.mark.parametrize("kind", KINDS)
def test_extreme_shapes_are_finite(kind):
    for side in ("low", "high"):
        shape = {name: getattr(parameter, side) for name, parameter in KINDS[kind].parameters.items()}
        solid = KINDS[kind].build(shape)
        for vertices, normals, faces in zip(solid.vertices, solid.normals, solid.faces, strict=True):
            assert np.isfinite(vertices).all()
            assert np.isfinite(normals).all()
            assert len(faces)
        assert np.concatenate(solid.faces).max() == sum(map(len, solid.vertices)) - 1
        assert set(solid.axes) <= set(solid.parts)


def test_twins_of_one_shape_share_the_silhouette_and_differ_in_colour(vtk):
    block = sample_block(np.random.default_rng(4), "shoe", shapes=2, dresses=2)
    (red, blue), (other, _) = block
    assert np.array_equal(silhouette(red), silhouette(blue))
    assert not np.array_equal(silhouette(red), silhouette(other))
    inside = silhouette(red)
    same_scene = replace(blue, light=red.light, background=red.background)
    difference = np.abs(pixels(red) - pixels(same_scene)).mean(axis=2)
    assert difference[inside].mean() > 8
    assert red.color != blue.color
    assert (red.color, red.pattern) == (other.color, other.pattern)


def test_colours_come_out_as_named(vtk):
    spec = sample_spec(np.random.default_rng(7), "mug")
    spec = replace(spec, pattern="plain", background=WHITE, material="ceramic")
    inside = silhouette(spec)
    red = pixels(replace(spec, color="red", second_color="red"))[inside].mean(axis=0)
    blue = pixels(replace(spec, color="blue", second_color="blue"))[inside].mean(axis=0)
    assert red[0] > 1.5 * red[2]
    assert blue[2] > 1.5 * blue[0]


def test_patterns_change_the_picture(vtk):
    spec = replace(sample_spec(np.random.default_rng(8), "tote bag"), color="white", pattern_color="black")
    plain = pixels(replace(spec, pattern="plain"))
    for pattern in ("stripes", "vertical stripes", "dots", "checks", "floral", "logo"):
        assert np.abs(pixels(replace(spec, pattern=pattern)) - plain).max() > 60, pattern


def test_wear_changes_the_main_material_only_and_more_with_more(vtk):
    spec = replace(sample_spec(np.random.default_rng(8), "tote bag"), pattern="plain", background=WHITE, color="red")
    new, used, old = (pixels(replace(spec, wear=wear)) for wear in (0.0, 0.3, 0.9))
    outside = ~silhouette(spec)
    outside &= np.abs(new - 255).max(axis=2) == 0
    assert np.array_equal(new[outside], old[outside])
    inside = silhouette(spec)
    assert 0.2 < np.abs(new - used)[inside].mean() < 0.6 * np.abs(new - old)[inside].mean()


@pytest.mark.parametrize("style", ["studio", "floor", "table", "tiles", "shelf", "room", "wallpaper"])
def test_backgrounds_differ_and_leave_the_object(vtk, style):
    spec = replace(sample_spec(np.random.default_rng(8), "armchair"), background=WHITE)
    plain, other = pixels(spec), pixels(replace(spec, background=Background(style, "#c9d3d6", "#8f6440")))
    inside = silhouette(spec)
    assert np.abs(plain - other)[~inside].mean() > 10
    assert np.median(np.abs(plain - other)[inside]) == 0


def test_unknown_family_is_one_clear_error():
    with pytest.raises(ConfigError, match=r"'sofa'.*chair"):
        sample_spec(np.random.default_rng(0), "sofa")


def test_missing_vtk_names_the_extra(monkeypatch):
    raster_module._vtk.cache_clear()
    monkeypatch.setitem(sys.modules, "vtkmodules.vtkRenderingOpenGL2", None)
    try:
        with pytest.raises(MissingExtraError, match=r"pip install 'stbir\[synth\]'"):
            raster_module._vtk()
    finally:
        raster_module._vtk.cache_clear()


def test_importing_the_package_imports_no_vtk():
    code = "import sys, stbir.synth; sys.exit(any(m.startswith(('vtk', 'pyvista')) for m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
