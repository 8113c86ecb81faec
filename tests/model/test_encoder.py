import numpy as np
import pytest
from PIL import Image

from conftest import SHAPES, SIZE_PX, draw_shape, outline
from stbir.errors import BundleError, InputError
from stbir.model.bundle import MODEL_FILES, Bundle
from stbir.model.encoder import Encoder
from stbir.strokes import Sketch


@pytest.fixture(scope="module")
def encoder(tiny_bundle):
    return Encoder(tiny_bundle, threads=1)


@pytest.fixture(scope="module")
def pictures():
    rng = np.random.default_rng(0)
    shapes = [draw_shape(shape, colour) for shape in SHAPES for colour in ("red", "blue")]
    noise = [Image.fromarray(rng.integers(0, 256, (40 + 5 * n, 90, 3), dtype=np.uint8)) for n in range(5)]
    return [*shapes, *noise]


def is_unit(vectors):
    return np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_shapes_and_lengths(encoder, pictures):
    images = encoder.encode_images(pictures)
    sketches = encoder.encode_sketches([Sketch.from_json(outline(shape)) for shape in SHAPES])
    texts = encoder.encode_texts(["red", "a blue one"])
    assert images.shape == (len(pictures), 32)
    assert sketches.shape == (4, 24)
    assert texts.shape == (2, 8)
    assert images.dtype == sketches.dtype == texts.dtype == np.float32
    assert is_unit(images)
    assert is_unit(sketches)
    assert is_unit(texts)


def test_nothing_gives_nothing(encoder):
    assert encoder.encode_images([]).shape == (0, 32)
    assert encoder.encode_sketches([]).shape == (0, 24)
    assert encoder.encode_texts([]).shape == (0, 8)


@pytest.mark.parametrize("batch_size", [1, 3, 5, 64])
def test_the_batch_size_changes_no_embedding(tiny_bundle, encoder, pictures, batch_size):
    other = Encoder(tiny_bundle, batch_size=batch_size)
    sketches = [Sketch.from_json(outline(shape)) for shape in SHAPES]
    texts = ["red", "a green one that is long", "blue cross", "the"]
    assert np.allclose(other.encode_images(pictures), encoder.encode_images(pictures), atol=1e-6)
    assert np.allclose(other.encode_sketches(sketches), encoder.encode_sketches(sketches), atol=1e-6)
    assert np.allclose(other.encode_texts(texts), encoder.encode_texts(texts), atol=1e-6)


def test_two_runs_give_identical_vectors(tiny_bundle, pictures):
    first = Encoder(tiny_bundle).encode_images(pictures)
    assert np.array_equal(first, Encoder(tiny_bundle).encode_images(pictures))


def test_arrays_and_pictures_are_the_same(encoder, pictures):
    arrays = [np.asarray(picture) for picture in pictures]
    assert np.array_equal(encoder.encode_images(arrays), encoder.encode_images(pictures))


def test_a_letterboxed_frame_keeps_its_embedding(encoder, pictures):
    from stbir.images import letterbox

    frames = [letterbox(picture, SIZE_PX) for picture in pictures]
    assert np.array_equal(encoder.encode_images(frames), encoder.encode_images(pictures))


def test_pixels_are_normalised_as_the_bundle_says(encoder):
    pixels = encoder.image_input([Image.new("RGB", (10, 10), (255, 0, 51))])
    assert pixels.shape == (1, 3, SIZE_PX, SIZE_PX)
    assert np.allclose(pixels[0, :, 0, 0], [1, -1, (0.2 - 0.5) / 0.5], atol=1e-6)


def test_ink_is_one_and_paper_zero(encoder):
    ink = encoder.sketch_input([Sketch.from_json({"strokes": [[[0, 0], [1, 0]]]})])
    assert ink.shape == (1, 1, SIZE_PX, SIZE_PX)
    assert ink.min() == 0
    assert 0.9 < ink.max() <= 1
    assert 0 < ink.mean() < 0.1


def test_words_are_cut_at_the_models_length_and_filled_up(encoder):
    feeds = encoder.text_input(["red", "red green blue a the red green blue"])
    assert feeds["input_ids"].shape == feeds["attention_mask"].shape == (2, 6)
    assert feeds["attention_mask"].sum(axis=1).tolist() == [1, 6]
    assert feeds["input_ids"][0].tolist() == [4, 0, 0, 0, 0, 0]
    assert feeds["input_ids"].dtype == np.int64


def test_towers_are_loaded_when_they_are_needed(tiny_bundle):
    encoder = Encoder(tiny_bundle)
    encoder.encode_texts(["red"])
    assert set(encoder._sessions) == {"text"}
    encoder.warm_up("sketch")
    assert set(encoder._sessions) == {"text", "sketch"}


@pytest.mark.parametrize("options", [{"threads": 0}, {"batch_size": 0}])
def test_impossible_settings_are_refused(tiny_bundle, options):
    with pytest.raises(InputError, match="out of range"):
        Encoder(tiny_bundle, **options)


def with_file(tiny_bundle, directory, name, content):
    """A bundle whose hashes are right and whose file is not."""
    files = {each: tiny_bundle.read(each) for each in MODEL_FILES} | {name: content}
    return Encoder(Bundle.write(directory, files, tiny_bundle.info))


@pytest.mark.parametrize("name", MODEL_FILES)
def test_a_file_that_is_no_model_is_one_line(tiny_bundle, tmp_path, name):
    encoder = with_file(tiny_bundle, tmp_path / "b", name, b"garbage")
    use = {
        "image.onnx": lambda: encoder.encode_images([Image.new("RGB", (8, 8))]),
        "sketch.onnx": lambda: encoder.encode_sketches([Sketch.from_json(outline("bar"))]),
    }
    with pytest.raises(BundleError) as caught:
        use.get(name, lambda: encoder.encode_texts(["red"]))()
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def constant_tower(value, width):
    """A text tower that gives the same number everywhere."""
    from onnx import TensorProto, helper, numpy_helper

    nodes = [
        helper.make_node("Cast", ["input_ids"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("ReduceSum", ["numbers", "axis"], ["sums"], keepdims=1),
        helper.make_node("Mul", ["sums", "zero"], ["nothing"]),
        helper.make_node("Add", ["nothing", "values"], ["text_space"]),
        helper.make_node("Identity", ["attention_mask"], ["unused"]),
    ]
    constants = {
        "axis": np.array([1], np.int64),
        "zero": np.zeros(1, np.float32),
        "values": np.full((1, width), value, np.float32),
    }
    graph = helper.make_graph(
        nodes,
        "constant",
        [helper.make_tensor_value_info(n, TensorProto.INT64, ["B", "L"]) for n in ("input_ids", "attention_mask")],
        [helper.make_tensor_value_info("text_space", TensorProto.FLOAT, ["B", width])],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString()


@pytest.mark.parametrize(
    ("value", "width", "message"),
    [(np.nan, 8, "not finite"), (np.inf, 8, "not finite"), (2.0, 8, "expected 1"), (0.5, 4, "shape")],
)
def test_output_that_is_no_unit_vector_is_refused(tiny_bundle, tmp_path, value, width, message):
    encoder = with_file(tiny_bundle, tmp_path / "b", "text.onnx", constant_tower(value, width))
    with pytest.raises(BundleError, match=message):
        encoder.encode_texts(["red"])
