"""Pictures that look the same are one group, whatever came first; pictures that only resemble one another are not."""

import io
import shutil

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from stbir.gallery import duplicates
from stbir.gallery.catalogue import Entry
from stbir.gallery.duplicates import MAX_BITS, MIN_COSINE, Groups, _differing_bits
from stbir.perceptual import perceptual_hash
from stbir.search import Gallery


def entry(name, bits, group=None):
    return Entry(name, f"/p/{name}", "/p", 1, 1, name, 9, 9, perceptual_hash=f"{bits:016x}", group=group)


def unit(*values):
    vector = np.array(values, np.float32)
    return vector / np.linalg.norm(vector)


EAST, NORTH = unit(1, 0), unit(0, 1)


def test_hash_and_vector_must_both_agree():
    groups = Groups([entry("old", 0)], lambda ids: {"old": EAST})
    near = unit(MIN_COSINE + 0.02, np.sqrt(1 - (MIN_COSINE + 0.02) ** 2))
    far = unit(MIN_COSINE - 0.02, np.sqrt(1 - (MIN_COSINE - 0.02) ** 2))
    few, many = (1 << MAX_BITS) - 1, (1 << MAX_BITS + 1) - 1
    asked = [("same", 0, EAST), ("near", few, near), ("other hash", many << 20, near), ("other vector", few, far)]
    found = groups.assign([(entry(name, bits), vector) for name, bits, vector in asked])
    assert found == ["old", "old", None, None]


def test_new_pictures_group_among_themselves_and_do_not_chain():
    steps = [unit(np.cos(turn), np.sin(turn)) for turn in (0, 0.3, 0.6)]
    groups = Groups([], lambda ids: {})
    found = groups.assign([(entry(f"p{n}", 0), vector) for n, vector in enumerate(steps)])
    assert found == [None, "p0", None]


def test_batches_change_nothing():
    rng = np.random.default_rng(0)
    pictures = [(entry(f"p{n:03d}", int(rng.integers(4))), unit(*rng.normal(size=2))) for n in range(60)]
    stored = {each.id: vector for each, vector in pictures}
    at_once = Groups([], lambda ids: {}).assign(pictures)
    in_turn = Groups([], lambda ids: {name: stored[name] for name in ids})
    assert [in_turn.assign([picture])[0] for picture in pictures] == at_once
    assert 1 < sum(group is None for group in at_once) < 60


def test_a_group_outlives_its_first_picture():
    left = [entry("second", 0, group="first"), entry("third", 0, group="first")]
    groups = Groups(left, lambda ids: dict.fromkeys(ids, EAST))
    assert groups.assign([(entry("fourth", 0), EAST)]) == ["first"]


def test_pictures_without_a_hash_stand_alone():
    bare = Entry("bare", "/p/bare", "/p", 1, 1, "h", 9, 9)
    groups = Groups([bare], lambda ids: {})
    assert groups.assign([(bare, EAST), (bare, EAST)]) == [None, None]


def test_bits_are_counted_the_same_without_numpys_own_way(monkeypatch):
    hashes = np.random.default_rng(0).integers(0, 1 << 63, 50, np.uint64)
    expected = [(int(value) ^ 12345).bit_count() for value in hashes]
    assert _differing_bits(hashes, 12345).tolist() == expected
    monkeypatch.delattr(duplicates.np, "bitwise_count", raising=False)
    assert _differing_bits(hashes, 12345).tolist() == expected


def scene(seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize((480, 360), Image.Resampling.BICUBIC)


def saved(picture, quality=90):
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return Image.open(io.BytesIO(buffer.getvalue()))


@pytest.mark.parametrize(
    "change",
    [
        lambda picture: saved(picture, 40),
        lambda picture: picture.resize((240, 180)),
        lambda picture: ImageEnhance.Brightness(picture).enhance(1.1),
        lambda picture: picture.crop((8, 6, 472, 354)),
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_the_hash_hardly_changes_with_the_picture(change, seed):
    one, other = (int(perceptual_hash(picture), 16) for picture in (scene(seed), change(scene(seed))))
    assert (one ^ other).bit_count() <= MAX_BITS
    assert (one ^ int(perceptual_hash(scene(seed + 100)), 16)).bit_count() > 2 * MAX_BITS


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "in").mkdir()
    for seed in range(4):
        scene(seed).save(tmp_path / "in" / f"{seed}.png")
    saved(scene(1), 60).save(tmp_path / "in" / "1-again.jpg")
    shutil.copy(tmp_path / "in" / "2.png", tmp_path / "in" / "2-copy.png")
    return tmp_path / "in"


def groups_of(gallery):
    members = {}
    for each in gallery.entries():
        members.setdefault(each.group or each.id, set()).add(each.name)
    return sorted(sorted(names) for names in members.values())


EXPECTED = [["0.png"], ["1-again.jpg", "1.png"], ["2-copy.png", "2.png"], ["3.png"]]


@pytest.mark.parametrize("commit_rows", [1, 2000])
def test_indexing_fills_the_column(tiny_bundle, folder, tmp_path, commit_rows):
    gallery = Gallery.open(tmp_path / "g", model=tiny_bundle.path)
    gallery.index(folder, commit_rows=commit_rows)
    assert groups_of(gallery) == EXPECTED
    assert len(gallery.search(text="red", top=9, where="`group` IS NULL")) == 4


def test_groups_grow_in_later_runs_and_survive_moves(tiny_bundle, folder, tmp_path):
    gallery = Gallery.open(tmp_path / "g", model=tiny_bundle.path)
    late = tmp_path / "late"
    late.mkdir()
    for name in ("1-again.jpg", "2-copy.png"):
        shutil.move(folder / name, late / name)
    gallery.index(folder)
    gallery.index(late)
    assert groups_of(gallery) == EXPECTED
    moved = late.rename(tmp_path / "later")
    assert gallery.index(moved).moved == 2
    assert groups_of(gallery) == EXPECTED
