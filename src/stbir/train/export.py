"""From trained towers to a bundle that needs no PyTorch, with the parity of the two measured.

The text tower's vocabulary is cut to what an English query can contain, the towers' large weights are stored as 8-bit
integers (see `stbir.train.quantize`), and `parity` says how far the bundle's vectors are from PyTorch's.
"""

from __future__ import annotations

import json
import tempfile
import warnings
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

import stbir
from stbir.model.bundle import (
    Bundle,
    Dims,
    ImageSettings,
    ModelInfo,
    SketchSettings,
    TextSettings,
)
from stbir.model.encoder import Encoder
from stbir.strokes import Sketch
from stbir.train.pretrained import minilm_directory
from stbir.train.quantize import MAX_GROUP, store_int8
from stbir.train.recipe import Recipe
from stbir.train.towers import Towers

_OPSET = 17
# Rounded pictures lose most, words least (lowest cosine with floats at 128 for all: 0.993 and 0.9998).
_PICTURE_GROUP = 48
_WORD_GROUP = 384
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def export_bundle(towers: Towers, info: ModelInfo, directory: Path, *, int8: bool = True) -> Bundle:
    """Write the towers as a bundle.

    Args:
        towers: Trained towers.
        info: Their description.
        directory: Where the bundle goes.
        int8: Whether large weights are stored as 8-bit integers.

    Returns:
        The bundle as loaded back.
    """
    max_tokens = info.text.max_tokens
    tokenizer, kept = cut_tokenizer((minilm_directory() / "tokenizer.json").read_text(), max_tokens)
    files = {
        "image.onnx": _image_onnx(towers, int8),
        "sketch.onnx": _sketch_onnx(towers, int8),
        "text.onnx": _text_onnx(towers, kept, max_tokens, int8),
        "tokenizer.json": tokenizer.encode(),
    }
    return Bundle.write(directory, files, info)


def describe(recipe: Recipe, provenance: dict[str, Any]) -> ModelInfo:
    """The description of a model that was trained from pretrained towers; its balance is not fitted yet."""
    return ModelInfo(
        name=recipe.model.name,
        created=datetime.now(UTC).strftime("%Y-%m-%d"),
        version=stbir.__version__,
        licence=recipe.licence,
        description="Drawings and words to pictures: MobileNetV2 towers for both kinds of picture, MiniLM for words.",
        dims=Dims(sketch=recipe.model.sketch_dim, text=recipe.model.text_dim),
        image=ImageSettings(size_px=recipe.model.image_px, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)),
        sketch=SketchSettings(
            size_px=recipe.model.sketch_px, line_width_px=recipe.drawings.line_width_px, margin=recipe.drawings.margin
        ),
        text=TextSettings(max_tokens=recipe.model.max_tokens, pad_id=0),
        provenance=provenance,
    )


def cut_tokenizer(content: str, max_tokens: int) -> tuple[str, NDArray[np.int64]]:
    """Cut a BERT WordPiece tokenizer to its plain English part.

    Args:
        content: The `tokenizer.json`.
        max_tokens: Where texts are cut off.

    Returns:
        The smaller `tokenizer.json`, and for each of its ids the id in the old one.
    """
    fields = json.loads(content)
    vocabulary: dict[str, int] = fields["model"]["vocab"]
    words = [word for word in vocabulary if word.isascii() and not word.startswith("[unused") and word not in _SPECIAL]
    kept = [*_SPECIAL, *words]
    new = {word: place for place, word in enumerate(kept)}
    fields["model"]["vocab"] = new
    fields["added_tokens"] = [{**t, "id": new[t["content"]]} for t in fields["added_tokens"] if t["content"] in new]
    for name, token in fields["post_processor"].get("special_tokens", {}).items():
        token["ids"] = [new[name]]
    for side in ("sep", "cls"):
        if side in fields["post_processor"]:
            fields["post_processor"][side][1] = new[fields["post_processor"][side][0]]
    fields["padding"] = None
    fields["truncation"] = {"direction": "Right", "max_length": max_tokens, "strategy": "LongestFirst", "stride": 0}
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")), np.asarray(
        [vocabulary[word] for word in kept]
    )


def parity(
    towers: Towers, bundle: Bundle, photos: NDArray[np.uint8], sketches: Sequence[Sketch], texts: Sequence[str]
) -> dict[str, float]:
    """Cosine between the bundle's vectors and PyTorch's, the lowest of each tower.

    Args:
        towers: The trained towers.
        bundle: Their export.
        photos: [N, S, S, 3].
        sketches: Drawings.
        texts: Words.

    Returns:
        Lowest cosine by tower and space, 1 = the same.
    """
    encoder = Encoder(bundle)
    found = dict(zip(("image_sketch", "image_text"), encoder.encode_images_in_spaces(list(photos)), strict=True))
    found |= {"sketch": encoder.encode_sketches(sketches), "text": encoder.encode_texts(texts)}
    tokens = encoder.text_input(texts)
    ids = _old_ids(tokens["input_ids"], bundle)
    with torch.inference_mode():
        pictures = towers.image(torch.from_numpy(encoder.image_input(list(photos))))
        expected: dict[str, Tensor] = {
            "image_sketch": pictures[0],
            "image_text": pictures[1],
            "sketch": towers.sketch(torch.from_numpy(encoder.sketch_input(sketches))),
            "text": towers.text(torch.from_numpy(ids), torch.from_numpy(tokens["attention_mask"])),
        }
    return {name: float((expected[name].numpy() * found[name]).sum(1).min()) for name in found}


def _old_ids(ids: NDArray[np.int64], bundle: Bundle) -> NDArray[np.int64]:
    _, kept = cut_tokenizer((minilm_directory() / "tokenizer.json").read_text(), bundle.info.text.max_tokens)
    result: NDArray[np.int64] = kept[ids]
    return result


def _image_onnx(towers: Towers, int8: bool) -> bytes:
    size = towers.image.size_px
    inputs = (torch.zeros(2, 3, size, size),)
    return to_onnx(
        towers.image, inputs, ["pixels"], ["sketch_space", "text_space"], int8=int8, max_group=_PICTURE_GROUP
    )


def _sketch_onnx(towers: Towers, int8: bool) -> bytes:
    size = towers.sketch.size_px
    return to_onnx(towers.sketch, (torch.zeros(2, 1, size, size),), ["ink"], ["sketch_space"], int8=int8)


def _text_onnx(towers: Towers, kept: NDArray[np.int64], max_tokens: int, int8: bool) -> bytes:
    """Export the text tower with the kept rows of its tables only; the tower itself stays whole."""
    backbone = towers.text.backbone
    words, positions = backbone.words, backbone.positions
    backbone.words = _table(words.weight.detach()[torch.from_numpy(kept)])
    backbone.positions = _table(positions.weight.detach()[:max_tokens])
    try:
        ids = torch.arange(2, 14).view(2, 6)
        inputs = (ids, torch.ones_like(ids))
        names = ["input_ids", "attention_mask"]
        return to_onnx(
            towers.text, inputs, names, ["text_space"], dynamic_length=True, int8=int8, max_group=_WORD_GROUP
        )
    finally:
        backbone.words, backbone.positions = words, positions


def _table(rows: Tensor) -> nn.Embedding:
    table = nn.Embedding(*rows.shape)
    table.weight.data.copy_(rows)
    return table


def to_onnx(
    module: nn.Module,
    inputs: tuple[Tensor, ...],
    names: list[str],
    outputs: list[str],
    *,
    dynamic_length: bool = False,
    int8: bool = True,
    max_group: int = MAX_GROUP,
) -> bytes:
    """Write a module as an ONNX graph whose batch may have any size.

    Args:
        module: The module; it is left in evaluation mode on the CPU.
        inputs: Examples of its inputs.
        names: Names of the inputs.
        outputs: Names of the outputs.
        dynamic_length: Whether the second axis of the inputs may have any length too.
        int8: Whether large weights are stored as 8-bit integers.
        max_group: How many of them may share a scale.

    Returns:
        The graph.
    """
    axes: dict[str, dict[int, str]] = {name: {0: "batch"} for name in (*names, *outputs)}
    if dynamic_length:
        for name in names:
            axes[name][1] = "length"
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        file = Path(folder) / "tower.onnx"
        # The exporter that needs no further package warns that a newer one exists.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module.eval().cpu(),
            inputs,
            file,
            input_names=names,
            output_names=outputs,
            dynamic_axes=axes,
            opset_version=_OPSET,
            dynamo=False,
        )
        model = onnx.load(file)
        content: bytes = (store_int8(model, max_group) if int8 else model).SerializeToString()
    return content
