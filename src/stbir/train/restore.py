"""From a bundle back to towers that can learn: the way in for those who train further on what is shipped.

A bundle holds its towers as ONNX graphs with 8-bit weights; here they become PyTorch modules again. The weights are
those of the bundle (what 8 bits could hold), so the restored towers give the bundle's vectors.
"""

from __future__ import annotations

import io
from collections.abc import Mapping

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import nn

from stbir.errors import BundleError
from stbir.model.bundle import Bundle
from stbir.train.backbones import BACKBONES, MobileNetV2
from stbir.train.export import cut_tokenizer
from stbir.train.pretrained import minilm_directory
from stbir.train.towers import ColourBranch, ImageTower, SketchTower, TextTower, Towers

Weights = dict[str, NDArray[np.float32]]


def restore_towers(bundle: Bundle, device: str = "cpu") -> Towers:
    """Make PyTorch towers with a bundle's weights.

    Args:
        bundle: A bundle that `stbir train` exported.
        device: Where the towers go.

    Returns:
        The towers, in evaluation mode. Words that the bundle's vocabulary leaves out keep zero vectors.

    Raises:
        BundleError: The graphs are not those of stbir's own towers.
    """
    info = bundle.info
    is_one_space = bool(info.provenance.get("one_space", False))
    pictures = _read_weights(bundle, "image")
    network = _backbone(pictures)
    image = ImageTower(
        info.image.size_px,
        info.dims.sketch,
        info.dims.text,
        one_space=is_one_space,
        backbone=network,
        histogram=_has_histogram(pictures, BACKBONES[network].feature_dim),
    )
    drawings = _read_weights(bundle, "sketch")
    sketch = SketchTower(info.sketch.size_px, info.dims.sketch, backbone=_backbone(drawings))
    _load(image, pictures, bundle, "image")
    _load(sketch, drawings, bundle, "sketch")
    words = _read_weights(bundle, "text")
    num_layers = len({name.split(".")[2] for name in words if name.startswith("backbone.layers.")})
    text = TextTower(info.dims.text, num_layers)
    _load(text, _whole_tables(words, text, bundle), bundle, "text")
    towers = Towers(image.to(device), sketch.to(device), text.to(device))
    for tower in (towers.image, towers.sketch, towers.text):
        tower.eval()
    return towers


def _backbone(weights: Weights) -> str:
    """Name of the network whose blocks these are; MobileNetV2 where it is none."""
    found = {name.split(".")[2] for name in weights if name.startswith("backbone.blocks.")}
    sizes = {sum(part.repeats for part in kind.plan): name for name, kind in BACKBONES.items()}
    return sizes.get(len(found), MobileNetV2.name)


def _has_histogram(weights: Weights, feature_dim: int) -> bool:
    """Whether the head of words reads a plain histogram of colours too."""
    first = weights.get("text_head.0.weight")
    return first is not None and first.shape[1] == feature_dim + ColourBranch.num_out(histogram=True)


def _read_weights(bundle: Bundle, tower: str) -> Weights:
    """The weights of a graph by the names of the module's parameters, as floats."""
    graph = onnx.load(io.BytesIO(bundle.read(f"{tower}.onnx"))).graph
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    found: Weights = {}
    for name, values in stored.items():
        if name.endswith("_int8"):
            plain = name.removesuffix("_int8")
            whole = values.astype(np.float32) * stored[f"{plain}_scale"].astype(np.float32)
            shape = stored.get(f"{plain}_shape")
            found[plain] = whole if shape is None else whole.reshape(shape)
        elif not name.endswith(("_scale", "_shape")):
            found[name] = values.astype(np.float32)
    return {**found, **_unnamed_linear(graph, found)}


def _unnamed_linear(graph: onnx.GraphProto, weights: Weights) -> Weights:
    """Weights of matrix products, which the exporter transposes and renames: found by the bias that is added after."""
    products = {node.output[0]: node.input[1] for node in graph.node if node.op_type == "MatMul"}
    found: Weights = {}
    for node in graph.node:
        if node.op_type == "Add":
            biases = [name for name in node.input if name.endswith(".bias") and name in weights]
            factors = [products[name] for name in node.input if products.get(name) in weights]
            if len(biases) == len(factors) == 1:
                found[biases[0].removesuffix("bias") + "weight"] = np.ascontiguousarray(weights[factors[0]].T)
    return found


def _whole_tables(weights: Weights, tower: TextTower, bundle: Bundle) -> Weights:
    """Put the rows of a cut vocabulary and of the cut positions back to their places."""
    content = (minilm_directory() / "tokenizer.json").read_text()
    kept = cut_tokenizer(content, bundle.info.text.max_tokens)[1]
    places = {"backbone.words.weight": kept, "backbone.positions.weight": np.arange(bundle.info.text.max_tokens)}
    whole = dict(weights)
    for name, rows in places.items():
        if name not in weights or len(weights[name]) != len(rows):
            raise _foreign(bundle, "text", f"{name} has not {len(rows):,} rows")
        table = np.zeros(tower.state_dict()[name].shape, np.float32)
        table[rows] = weights[name]
        whole[name] = table
    return whole


def _load(module: nn.Module, weights: Mapping[str, NDArray[np.float32]], bundle: Bundle, tower: str) -> None:
    expected = module.state_dict()
    for name, tensor in expected.items():
        found = weights.get(name)
        if found is None or found.shape != tuple(tensor.shape):
            what = "is missing" if found is None else f"has the shape {found.shape}, expected {tuple(tensor.shape)}"
            raise _foreign(bundle, tower, f"{name} {what}")
    module.load_state_dict({name: torch.from_numpy(weights[name].copy()) for name in expected})


def _foreign(bundle: Bundle, tower: str, why: str) -> BundleError:
    return BundleError(
        f"cannot train further on {bundle.path}: {tower}.onnx was not exported by stbir train ({why}); "
        "give a bundle that was"
    )
