from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from shapes_dataset import write_shapes
from stbir.datasets import Dataset, open_dataset
from stbir.errors import DatasetError, InputError
from stbir.evaluate import Embedder, Evaluation, ModelSystem, evaluate, make_task
from stbir.model.bundle import Bundle
from stbir.model.encoder import Encoder
from stbir.query import Weights
from stbir.search import Gallery
from stbir.strokes import Sketch


@pytest.fixture(scope="module")
def shapes(tmp_path_factory) -> Dataset:
    return open_dataset(write_shapes(tmp_path_factory.mktemp("sets") / "shapes"))


@pytest.fixture(scope="module")
def encoder(tiny_bundle: Bundle) -> Encoder:
    return Encoder(tiny_bundle, threads=1)


def system(encoder, info=None, **options) -> ModelSystem:
    return ModelSystem(Embedder(encoder, "tests"), info or encoder.bundle.info, **options)


def run(protocol: str, data: Dataset, encoder: Encoder, weights: Weights | None = None, **options) -> Evaluation:
    return evaluate(make_task(protocol, data), system(encoder, weights=weights), num_resamples=200, **options)


def test_drawing_and_words_find_what_neither_finds_alone(shapes: Dataset, encoder: Encoder) -> None:
    result = run("open", shapes, encoder)
    assert result.data.num_pictures == 12
    assert result.data.num_queries == 12
    assert result.data.num_photos == 6
    accuracy = {mode: found.metrics["acc@1"].value for mode, found in result.modes.items()}
    assert accuracy["sketch+text"] == 1.0
    assert accuracy["sketch"] < 1.0
    assert accuracy["text"] < 1.0
    assert {gain.metric for gain in result.gains} == {"acc@1", "mrr"}
    assert all(gain.difference.value > 0 and gain.harm == 0 for gain in result.gains)
    assert result.data.text_ceiling == pytest.approx(1 / 3)


def test_ranks_are_those_of_a_search(shapes: Dataset, encoder: Encoder, tiny_bundle: Bundle, tmp_path: Path) -> None:
    """Evaluation must measure what users get: the same pictures, drawings and words through `Gallery.search`."""
    result = run("open", shapes, encoder, weights=Weights(sketch=0.4, text=0.6))
    gallery = Gallery.open(tmp_path / "shapes.gallery", model=tiny_bundle.path)
    gallery.index(shapes.files.name, exclude=["*.json*"])
    rows = {row.id: row for row in shapes.rows}
    for query, together, sketch_only in zip(
        result.queries, result.modes["sketch+text"].ranks, result.modes["sketch"].ranks, strict=True
    ):
        row = rows[query.id]
        drawing = Sketch.load(Path(shapes.files.name) / query.sketches[0])
        both = gallery.search(sketch=drawing, text=row.text, weights="sketch=0.4,text=0.6", top=12)
        assert both[together - 1].path.name == row.image
        alone = gallery.search(sketch=drawing, top=12)
        place = next(hit.rank for hit in alone if hit.path.name == row.image)
        # A search shows ties in some order; evaluation counts them all against the system.
        tied = [hit.rank for hit in alone if hit.score >= alone[place - 1].score - 1e-6]
        assert place <= sketch_only <= max(tied)


def test_by_category_the_pool_is_the_category(shapes: Dataset, encoder: Encoder) -> None:
    result = run("fg-sbir", shapes, encoder)
    assert result.data.num_pictures == 6
    assert {query.pool for query in result.queries} == {2}
    assert max(result.modes["sketch"].ranks) <= 2
    assert result.modes["text"].metrics["acc@1"].value == 1.0


def test_mean_of_equal_drawings_is_the_drawing(shapes: Dataset, encoder: Encoder) -> None:
    together = run("stbir", shapes, encoder)
    apart = evaluate(make_task("open", shapes, distractors=()), system(encoder), num_resamples=200)
    assert together.data.num_queries == 6
    assert together.modes["sketch+text"].ranks == apart.modes["sketch+text"].ranks[::2]


def test_same_input_same_result_and_the_data_is_named_by_its_content(
    shapes: Dataset, encoder: Encoder, tmp_path: Path
) -> None:
    first, second = run("open", shapes, encoder), run("open", shapes, encoder)
    assert first == second
    copy = write_shapes(tmp_path / "shapes")
    assert run("open", open_dataset(copy), encoder).data.sha256 == first.data.sha256
    drawing = copy / "drawings" / "red-bar-1.json"
    drawing.write_text(drawing.read_text().replace("}", ', "size": [100, 100]}'))
    assert run("open", open_dataset(copy), encoder).data.sha256 != first.data.sha256


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"id": "red-bar"', '"id": "bar-red"'),
        ('"category": "bar"', '"category": "rod"'),
        ('"split": "gallery"', '"split": "test"'),
        ('"a red"', '"a blue"'),
    ],
)
def test_hash_of_the_data_covers_what_rows_say(
    shapes: Dataset, encoder: Encoder, tmp_path: Path, old: str, new: str
) -> None:
    folder = write_shapes(tmp_path / "shapes")
    manifest = folder / "manifest.jsonl"
    changed = manifest.read_text().replace(old, new)
    assert changed != manifest.read_text()
    manifest.write_text(changed)
    assert run("open", open_dataset(folder), encoder).data.sha256 != run("open", shapes, encoder).data.sha256


def test_results_of_other_models_and_settings_have_other_names(shapes: Dataset, encoder: Encoder) -> None:
    plain = run("open", shapes, encoder)
    fingerprint = encoder.bundle.info.fingerprint[:8]
    assert plain.file_name(is_shipped=True) == "shapes.open.json"
    assert plain.file_name() == f"shapes.open.tiny-{fingerprint}.json"
    weighted = run("open", shapes, encoder, weights=Weights(sketch=0.7, text=0.3), seed=7)
    assert weighted.file_name(is_shipped=True) == f"shapes.open.tiny-{fingerprint}-sketch=0.7+text=0.3-seed7.json"
    task = make_task("open", shapes, splits=("gallery", "test"), distractors=())
    both = evaluate(task, system(encoder), num_resamples=50)
    assert both.file_name(is_shipped=True) == f"shapes.open.tiny-{fingerprint}-gallery+test-with-none.json"
    named = plain.model_copy(update={"system": plain.system.model_copy(update={"name": "../my model"})})
    assert named.file_name() == f"shapes.open..._my_model-{fingerprint}.json"


def test_copies_in_the_gallery_are_counted_and_cost(shapes: Dataset, encoder: Encoder, tmp_path: Path) -> None:
    folder = write_shapes(tmp_path / "shapes")
    (folder / "blue-frame.png").write_bytes((folder / "red-bar.png").read_bytes())
    result = run("open", open_dataset(folder), encoder)
    assert result.data.num_duplicates == 1
    ranks = {query.id: rank for query, rank in zip(result.queries, result.modes["sketch+text"].ranks, strict=True)}
    assert ranks["red-bar"] == 2
    assert ranks["green-bar"] == 1


def test_result_survives_its_file(shapes: Dataset, encoder: Encoder, tmp_path: Path) -> None:
    result = run("open", shapes, encoder)
    path = result.write(tmp_path / "out", is_shipped=True)
    assert path.name == "shapes.open.json"
    assert Evaluation.read(path) == result
    assert "a red" not in path.read_text()  # texts of a data set stay out of results
    path.write_text(path.read_text().replace('"protocol"', '"protocoll"'))
    with pytest.raises(InputError, match=r"shapes\.open\.json is not a result of stbir evaluate: protocol"):
        Evaluation.read(path)
    with pytest.raises(InputError, match="choose another --out"):
        result.write(path)


def test_table_says_what_was_measured(shapes: Dataset, encoder: Encoder) -> None:
    table = run("open", shapes, encoder).table()
    assert "shapes, protocol open: 12 queries for 6 photos in 12 pictures; model tiny 0 (" in table
    assert "100.0 [54.1, 100.0]" in table
    assert "Chance: Acc@1 8.3 %" in table
    assert "Acc@1 by words alone cannot exceed 33.3 %" in table
    assert "Acc@1: sketch+text minus " in table
    assert "Only 6 photos were asked for" in table
    assert "0% of the queries rank worse" in table


def test_progress_reaches_each_total(shapes: Dataset, encoder: Encoder) -> None:
    seen: list[tuple[str, int, int]] = []
    run("open", shapes, encoder, progress=lambda *step: seen.append(step))
    assert seen == [("pictures", 12, 12), ("drawings", 12, 12), ("texts", 2, 2)]


class Constant:
    """An encoder that gives the same vector, or a broken one, for everything."""

    def __init__(self, value: float) -> None:
        self.value = value

    def load_image(self, content: bytes) -> bytes:
        return content

    def encode_images(self, pictures) -> np.ndarray:
        return np.full((len(pictures), 32), self.value, np.float32)

    def encode_sketches(self, sketches) -> np.ndarray:
        return np.full((len(sketches), 24), 0.2, np.float32)

    def encode_texts(self, texts) -> np.ndarray:
        return np.full((len(texts), 8), 0.3, np.float32)


def test_constant_model_scores_nothing(shapes: Dataset, tiny_bundle: Bundle) -> None:
    result = evaluate(make_task("open", shapes), system(Constant(0.1), tiny_bundle.info), num_resamples=50)
    for mode in result.modes.values():
        assert set(mode.ranks) == {12}
        assert mode.metrics["acc@10"].value == 0.0
        assert mode.metrics["acc@10"].high == pytest.approx(1 - 0.025 ** (1 / 6))


def test_broken_model_is_refused(shapes: Dataset, tiny_bundle: Bundle) -> None:
    with pytest.raises(InputError, match="not finite"):
        evaluate(make_task("open", shapes), system(Constant(float("nan")), tiny_bundle.info), num_resamples=50)


def test_broken_picture_is_named(encoder: Encoder, tmp_path: Path) -> None:
    folder = write_shapes(tmp_path / "shapes")
    (folder / "red-bar.png").write_bytes(b"")
    with pytest.raises(DatasetError, match=r"red-bar\.png of row 'red-bar'"):
        run("open", open_dataset(folder), encoder)


def test_words_alone_where_there_are_no_drawings(encoder: Encoder, tmp_path: Path) -> None:
    folder = write_shapes(tmp_path / "shapes")
    manifest = folder / "manifest.jsonl"
    manifest.write_text(manifest.read_text().replace('"sketches"', '"drawn"'))
    result = run("open", open_dataset(folder), encoder)
    assert list(result.modes) == ["text"]
    assert result.gains == ()
    assert result.data.num_queries == 6
