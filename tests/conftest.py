"""Fixtures for the whole package: a tiny model bundle that needs no training, and a folder of pictures for it.

The tiny model is a real bundle of ONNX files with fixed numbers. In its sketch space a picture is where its edges are
and a drawing is where its ink is; in its text space a picture is its mean colour and a colour's name is that colour.
So a drawing of a shape and the name of a colour find the picture with that shape in that colour.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image, ImageDraw

from stbir.model.bundle import Bundle, Dims, Fusion, ImageSettings, ModelInfo, Scale, SketchSettings, TextSettings

SIZE_PX = 64
CELLS = 8
SKETCH_DIMS = 24
TEXT_DIMS = 8
COLOURS = {"red": (200, 30, 30), "green": (30, 160, 40), "blue": (30, 50, 210)}
SHAPES = ("bar", "cross", "disc", "frame")
WORDS = ["[PAD]", "[UNK]", "a", "the", *COLOURS, *SHAPES]


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory) -> Bundle:
    return write_tiny_bundle(tmp_path_factory.mktemp("tiny") / "bundle")


@pytest.fixture(scope="session")
def other_bundle(tmp_path_factory) -> Bundle:
    """The same architecture with other numbers: another fingerprint."""
    return write_tiny_bundle(tmp_path_factory.mktemp("other") / "bundle", seed=1, name="other")


@pytest.fixture(scope="session")
def photos(tmp_path_factory) -> Path:
    """Every shape in every colour, twelve JPEGs in one folder per colour; nobody writes into it."""
    return write_photos(tmp_path_factory.mktemp("photos"))


def write_photos(folder: Path) -> Path:
    for colour in COLOURS:
        (folder / colour).mkdir(parents=True)
        for shape in SHAPES:
            draw_shape(shape, colour).save(folder / colour / f"{colour}-{shape}.jpg", quality=95)
    return folder


def draw_shape(shape: str, colour: str, side_px: int = 120) -> Image.Image:
    picture = Image.new("RGB", (side_px, side_px), "white")
    draw = ImageDraw.Draw(picture)
    low, middle, high = (round(side_px * share) for share in (0.06, 0.5, 0.94))
    arm = round(side_px * 0.12)
    fill = COLOURS[colour]
    if shape == "bar":
        draw.rectangle((low, middle - arm, high, middle + arm), fill=fill)
    elif shape == "cross":
        draw.rectangle((low, middle - arm, high, middle + arm), fill=fill)
        draw.rectangle((middle - arm, low, middle + arm, high), fill=fill)
    elif shape == "disc":
        draw.ellipse((low, low, high, high), fill=fill)
    else:
        draw.rectangle((low, low, high, high), outline=fill, width=arm)
    return picture


def outline(shape: str) -> dict[str, list[list[list[float]]]]:
    """The outline of a shape as a drawing in the format of stroke files."""
    arm, low, high = 0.12, -0.44, 0.44
    if shape == "bar":
        strokes = [_box(low, -arm, high, arm)]
    elif shape == "cross":
        corner = [[low, -arm], [-arm, -arm], [-arm, low]]
        quarters = [[[-y, x] for x, y in corner], [[-x, -y] for x, y in corner], [[y, -x] for x, y in corner]]
        strokes = [[*corner, *(point for quarter in quarters for point in quarter), corner[0]]]
    elif shape == "disc":
        turns = np.linspace(0, 2 * np.pi, 60)
        strokes = [[[high * np.cos(turn), high * np.sin(turn)] for turn in turns]]
    else:
        strokes = [_box(low, low, high, high), _box(low + arm, low + arm, high - arm, high - arm)]
    return {"strokes": [[[100 * float(x), 100 * float(y)] for x, y in stroke] for stroke in strokes]}


def _box(left: float, top: float, right: float, bottom: float) -> list[list[float]]:
    return [[left, top], [right, top], [right, bottom], [left, bottom], [left, top]]


def write_tiny_bundle(directory: Path, seed: int = 0, name: str = "tiny") -> Bundle:
    rng = np.random.default_rng(seed)
    to_sketch_space = rng.normal(size=(CELLS * CELLS, SKETCH_DIMS)).astype(np.float32)
    to_text_space = rng.normal(size=(3, TEXT_DIMS)).astype(np.float32)
    info = ModelInfo(
        name=name,
        created="2026-01-01T00:00:00+00:00",
        version="0",
        licence="Apache-2.0",
        description="fixed numbers, for tests",
        dims=Dims(sketch=SKETCH_DIMS, text=TEXT_DIMS),
        image=ImageSettings(size_px=SIZE_PX, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)),
        sketch=SketchSettings(size_px=SIZE_PX, line_width_px=2.0, margin=0.06),
        text=TextSettings(max_tokens=6, pad_id=0),
        fusion=Fusion(scale=Scale(sketch=1.0, text=1.0)),
    )
    files = {
        "image.onnx": _image_tower(to_sketch_space, to_text_space),
        "sketch.onnx": _sketch_tower(to_sketch_space),
        "text.onnx": _text_tower(to_text_space),
        "tokenizer.json": _tokenizer(),
    }
    return Bundle.write(directory, files, info)


def _model(nodes, inputs, outputs, constants) -> bytes:
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(*each) for each in inputs],
        [helper.make_tensor_value_info(*each) for each in outputs],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString()


def _where_ink_is(ink: str, output: str) -> list:
    """Nodes from [B, 1, S, S] ink to unit vectors: sum over cells, spread a little, project."""
    return [
        helper.make_node("AveragePool", [ink], ["cells"], kernel_shape=[12, 12], strides=[8, 8], pads=[2, 2, 2, 2]),
        helper.make_node("Flatten", ["cells"], ["flat"]),
        helper.make_node("LpNormalization", ["flat"], ["shares"], axis=1, p=2),
        helper.make_node("MatMul", ["shares", "to_sketch_space"], ["projected"]),
        helper.make_node("LpNormalization", ["projected"], [output], axis=1, p=2),
    ]


def _sketch_tower(to_sketch_space) -> bytes:
    return _model(
        _where_ink_is("ink", "sketch_space"),
        [("ink", TensorProto.FLOAT, ["B", 1, SIZE_PX, SIZE_PX])],
        [("sketch_space", TensorProto.FLOAT, ["B", SKETCH_DIMS])],
        {"to_sketch_space": to_sketch_space},
    )


def _image_tower(to_sketch_space, to_text_space) -> bytes:
    laplacian = np.tile(np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]], np.float32), (1, 3, 1, 1)) / 3
    differences = np.array([[1, 0, -1], [-1, 1, 0], [0, -1, 1]], np.float32)
    nodes = [
        helper.make_node("Pad", ["pixels", "pads"], ["padded"], mode="edge"),
        helper.make_node("Conv", ["padded", "laplacian"], ["edges"]),
        helper.make_node("Abs", ["edges"], ["ink"]),
        helper.make_node("Add", ["ink", "little"], ["some_ink"]),
        *_where_ink_is("some_ink", "sketch_space"),
        helper.make_node("ReduceMean", ["pixels"], ["colour"], axes=[2, 3], keepdims=0),
        helper.make_node("MatMul", ["colour", "differences"], ["hue"]),
        helper.make_node("Add", ["hue", "little"], ["some_hue"]),
        helper.make_node("MatMul", ["some_hue", "to_text_space"], ["coloured"]),
        helper.make_node("LpNormalization", ["coloured"], ["text_space"], axis=1, p=2),
    ]
    constants = {
        "pads": np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64),
        "laplacian": laplacian,
        "little": np.array([1e-4], np.float32),
        "differences": differences,
        "to_sketch_space": to_sketch_space,
        "to_text_space": to_text_space,
    }
    return _model(
        nodes,
        [("pixels", TensorProto.FLOAT, ["B", 3, SIZE_PX, SIZE_PX])],
        [("sketch_space", TensorProto.FLOAT, ["B", SKETCH_DIMS]), ("text_space", TensorProto.FLOAT, ["B", TEXT_DIMS])],
        constants,
    )


def _text_tower(to_text_space) -> bytes:
    hues = np.full((len(WORDS), 3), 1e-3, np.float32)
    for word, colour in COLOURS.items():
        red, green, blue = np.array(colour, np.float32) / 255
        hues[WORDS.index(word)] = (red - green, green - blue, blue - red)
    nodes = [
        helper.make_node("Gather", ["hues", "input_ids"], ["tokens"]),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["mask", "last"], ["wide_mask"]),
        helper.make_node("Mul", ["tokens", "wide_mask"], ["masked"]),
        helper.make_node("ReduceSum", ["masked", "middle"], ["hue"], keepdims=0),
        helper.make_node("MatMul", ["hue", "to_text_space"], ["coloured"]),
        helper.make_node("LpNormalization", ["coloured"], ["text_space"], axis=1, p=2),
    ]
    constants = {
        "hues": hues,
        "last": np.array([2], np.int64),
        "middle": np.array([1], np.int64),
        "to_text_space": to_text_space,
    }
    inputs = [(name, TensorProto.INT64, ["B", "L"]) for name in ("input_ids", "attention_mask")]
    return _model(nodes, inputs, [("text_space", TensorProto.FLOAT, ["B", TEXT_DIMS])], constants)


def _tokenizer() -> bytes:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    tokenizer = Tokenizer(models.WordLevel({word: index for index, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return json.dumps(json.loads(tokenizer.to_str())).encode()
