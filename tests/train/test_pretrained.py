"""EfficientNet-Lite0 from its weight file: the same function as with batch norm unfolded, hostile files refused."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402

from stbir.errors import ConfigError  # noqa: E402
from stbir.train.backbones import EfficientNetLite0, MobileNetV2  # noqa: E402
from stbir.train.pretrained import load_lite0  # noqa: E402
from stbir.train.towers import ColourHistogram  # noqa: E402

Weights = dict[str, "torch.Tensor"]


def same(x: torch.Tensor, kernel: int, stride: int) -> torch.Tensor:
    """TensorFlow's padding SAME, from its definition."""
    sides = []
    for size in (x.shape[-1], x.shape[-2]):
        total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        sides += [total // 2, total - total // 2]
    return F.pad(x, sides)


def norm(weights: Weights, name: str, x: torch.Tensor) -> torch.Tensor:
    values = [weights[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")]
    return F.batch_norm(x, *values, eps=1e-3)


def reference(weights: Weights, pixels: torch.Tensor) -> torch.Tensor:
    """The network as published: convolution, batch norm, ReLU6."""
    x = F.conv2d(same(pixels, 3, 2), weights["_conv_stem.weight"], stride=2)
    x = F.relu6(norm(weights, "_bn0", x))
    strides = [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1]
    for index, stride in enumerate(strides):
        name = f"_blocks.{index}."
        y = x
        if f"{name}_expand_conv.weight" in weights:
            y = F.relu6(norm(weights, f"{name}_bn0", F.conv2d(y, weights[f"{name}_expand_conv.weight"])))
        depthwise = weights[f"{name}_depthwise_conv.weight"]
        y = F.conv2d(same(y, depthwise.shape[-1], stride), depthwise, stride=stride, groups=len(depthwise))
        y = F.relu6(norm(weights, f"{name}_bn1", y))
        y = norm(weights, f"{name}_bn2", F.conv2d(y, weights[f"{name}_project_conv.weight"]))
        x = x + y if x.shape == y.shape else y
    return F.relu6(norm(weights, "_bn1", F.conv2d(x, weights["_conv_head.weight"])))


@pytest.fixture
def weights() -> Weights:
    """Random weights under the names of the published file."""
    torch.manual_seed(0)
    found: Weights = {}

    def add(convolution: str, name: str, layer: torch.nn.Module) -> None:
        assert isinstance(layer, torch.nn.Conv2d)
        found[f"{convolution}.weight"] = layer.weight.detach().clone()
        size = layer.out_channels
        found[f"{name}.weight"], found[f"{name}.bias"] = torch.rand(size) + 0.5, torch.randn(size)
        found[f"{name}.running_mean"], found[f"{name}.running_var"] = torch.randn(size) / 4, torch.rand(size) + 0.1

    network = EfficientNetLite0()
    add("_conv_stem", "_bn0", network.first)
    for index, block in enumerate(network.blocks):
        if block.expand is not None:
            add(f"_blocks.{index}._expand_conv", f"_blocks.{index}._bn0", block.expand)
        add(f"_blocks.{index}._depthwise_conv", f"_blocks.{index}._bn1", block.depthwise)
        add(f"_blocks.{index}._project_conv", f"_blocks.{index}._bn2", block.project)
    add("_conv_head", "_bn1", network.last)
    return found


@pytest.mark.parametrize("sides", [(64, 64), (95, 70)])
def test_folded_batch_norm_changes_nothing(weights: Weights, tmp_path: Path, sides: tuple[int, int]) -> None:
    torch.save(weights, tmp_path / "lite0.pth")
    pixels = torch.rand(2, 3, *sides) * 2 - 1
    with torch.inference_mode():
        found, expected = load_lite0(tmp_path / "lite0.pth").eval()(pixels), reference(weights, pixels)
    assert found.shape == expected.shape
    assert 0.05 < (expected > 0).float().mean() < 0.95
    assert torch.allclose(found, expected, atol=1e-3)


@pytest.mark.parametrize("kind", [MobileNetV2, EfficientNetLite0])
def test_stem_and_top_are_the_whole(kind: type[MobileNetV2 | EfficientNetLite0]) -> None:
    torch.manual_seed(0)
    network, pixels = kind().eval(), torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        stem = network.stem(pixels, network.stem_blocks)
        assert stem.shape == (1, network.stem_channels, 4, 4)
        assert torch.equal(network.top(stem, network.stem_blocks), network(pixels))


def test_another_network_and_no_network_are_refused(weights: Weights, tmp_path: Path) -> None:
    path = tmp_path / "lite0.pth"
    for name in ("_blocks.3._bn2.running_var", "_conv_head.weight"):
        torch.save({key: value for key, value in weights.items() if key != name}, path)
        with pytest.raises(ConfigError, match="is missing: give EfficientNet-Lite0's file"):
            load_lite0(path)
    torch.save({**weights, "_conv_stem.weight": torch.zeros(8, 3, 3, 3)}, path)
    with pytest.raises(ConfigError, match="_conv_stem has another shape"):
        load_lite0(path)
    path.write_bytes(b"not weights")
    with pytest.raises(ConfigError, match="not a PyTorch weight file"):
        load_lite0(path)


def test_code_in_a_weight_file_does_not_run(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(tmp_path / "ran"),)

    (tmp_path / "trap.pth").write_bytes(pickle.dumps({"_conv_stem.weight": Trap()}, protocol=2))
    torch.save({"_conv_stem.weight": Trap()}, tmp_path / "trap.zip.pth")
    for name in ("trap.pth", "trap.zip.pth"):
        with pytest.raises(ConfigError, match="not a PyTorch weight file"):
            load_lite0(tmp_path / name)
    assert not (tmp_path / "ran").exists()


def test_a_plain_histogram_shares_pixels_out_between_neighbouring_colours() -> None:
    histogram = ColourHistogram()
    black = torch.full((1, 3, 4, 6), -1.0)
    shares = (histogram(black) / histogram.length).square()[0]
    assert shares[0] == pytest.approx(1.0)
    half_red = black.clone()
    half_red[:, 0] = 0.1  # 0.55 of the way: three quarters of a step past the third of six places
    shares = (histogram(half_red) / histogram.length).square()[0].view(6, 6, 6)
    assert shares.sum() == pytest.approx(1.0, abs=1e-5)
    assert shares[2, 0, 0] == pytest.approx(0.25, abs=1e-5)
    assert shares[3, 0, 0] == pytest.approx(0.75, abs=1e-5)
    both = torch.cat([black, half_red], 3)
    mixed = (histogram(both) / histogram.length).square()[0].view(6, 6, 6)
    assert mixed[0, 0, 0] == pytest.approx(0.5, abs=1e-5)
