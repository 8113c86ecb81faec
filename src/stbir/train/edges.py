"""Edge maps of photos, from which pseudo-sketches are traced where nobody has drawn: PiDiNet in plain PyTorch.

The pixel-difference convolutions are folded into ordinary ones when the weights are read, so the network runs as a
stack of plain convolutions.

Source: Su et al., "Pixel Difference Networks for Efficient Edge Detection", ICCV 2021.
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stbir.errors import ConfigError
from stbir.train.checkpoint import load_checkpoint

_KINDS = ("central", "angular", "radial", "plain")
_MEAN = (0.485, 0.456, 0.406)
_STD = (0.229, 0.224, 0.225)


def fold_pixel_difference(weight: Tensor, kind: str) -> Tensor:
    """Turn the weight of a pixel-difference convolution into that of an ordinary one.

    Args:
        weight: [out, in, 3, 3].
        kind: `central`, `angular`, `radial` or `plain`.

    Returns:
        [out, in, 3, 3], or [out, in, 5, 5] for `radial`.

    Source: PiDiNet, section 3.1.
    """
    flat = weight.flatten(2)
    if kind == "central":
        folded = flat.clone()
        folded[:, :, 4] -= flat.sum(2)
        return folded.view_as(weight)
    if kind == "angular":
        return (flat - flat[:, :, [3, 0, 1, 6, 4, 2, 7, 8, 5]]).view_as(weight)
    if kind == "radial":
        wide = flat.new_zeros(*flat.shape[:2], 25)
        wide[:, :, [0, 2, 4, 10, 14, 20, 22, 24]] = flat[:, :, 1:]
        wide[:, :, [6, 7, 8, 11, 13, 16, 17, 18]] = -flat[:, :, 1:]
        return wide.view(*flat.shape[:2], 5, 5)
    return weight


class _Block(nn.Module):
    def __init__(self, num_in: int, num_out: int, kernel: int, pools: bool) -> None:
        super().__init__()
        self.pools = pools
        self.conv1 = nn.Conv2d(num_in, num_in, kernel, padding=kernel // 2, groups=num_in, bias=False)
        self.conv2 = nn.Conv2d(num_in, num_out, 1, bias=False)
        self.shortcut = nn.Conv2d(num_in, num_out, 1) if pools else None

    def forward(self, x: Tensor) -> Tensor:
        if self.pools:
            x = F.max_pool2d(x, 2)
        y = self.conv2(F.relu(self.conv1(x)))
        shortcut: Tensor = x if self.shortcut is None else self.shortcut(x)
        total: Tensor = shortcut + y
        return total


class _Side(nn.Module):
    """One side output: dilated context, spatial attention, one channel."""

    def __init__(self, num_in: int, num_mid: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(num_in, num_mid, 1)
        self.dilated = nn.ModuleList(
            [nn.Conv2d(num_mid, num_mid, 3, dilation=d, padding=d, bias=False) for d in (5, 7, 9, 11)]
        )
        self.attention1 = nn.Conv2d(num_mid, 4, 1)
        self.attention2 = nn.Conv2d(4, 1, 3, padding=1, bias=False)
        self.reduce = nn.Conv2d(num_mid, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(F.relu(x))
        y = torch.stack([conv(x) for conv in self.dilated]).sum(0)
        y = y * torch.sigmoid(self.attention2(self.attention1(F.relu(y))))
        result: Tensor = self.reduce(y)
        return result


class PiDiNet(nn.Module):
    """Edge detector: pictures in, edge probabilities out."""

    def __init__(self, width: int, dilation_width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, width, 3, padding=1, bias=False)
        widths = [width, 2 * width, 4 * width, 4 * width]
        stages, index, num_in = [], 1, width
        for stage, num_out in enumerate(widths):
            blocks = []
            for place in range(3 if stage == 0 else 4):
                kernel = 5 if _KINDS[index % 4] == "radial" else 3
                blocks.append(_Block(num_in, num_out, kernel, pools=stage > 0 and place == 0))
                num_in, index = num_out, index + 1
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.ModuleList(stages)
        self.sides = nn.ModuleList([_Side(w, dilation_width) for w in widths])
        self.classifier = nn.Conv2d(4, 1, 1)

    def forward(self, pixels: Tensor) -> Tensor:
        """Find edges.

        Args:
            pixels: [B, 3, H, W], RGB in 0..1.

        Returns:
            Edge probability [B, H, W] in 0..1.
        """
        mean = pixels.new_tensor(_MEAN).view(1, 3, 1, 1)
        std = pixels.new_tensor(_STD).view(1, 3, 1, 1)
        x = self.first((pixels - mean) / std)
        maps = []
        for stage, side in zip(self.stages, self.sides, strict=True):
            x = stage(x)
            maps.append(F.interpolate(side(x), pixels.shape[-2:], mode="bilinear", align_corners=False))
        result: Tensor = torch.sigmoid(self.classifier(torch.cat(maps, 1)))[:, 0]
        return result


def load_pidinet(path: Path) -> PiDiNet:
    """Read a released PiDiNet checkpoint (`table5_pidinet*.pth`).

    Args:
        path: The checkpoint; read without running code from it.

    Returns:
        The detector in evaluation mode.

    Raises:
        ConfigError: The file is missing or holds another network.
    """
    if not path.is_file():
        raise ConfigError(f"{path}: no such edge detector; name a PiDiNet checkpoint")
    loaded = load_checkpoint(path)
    try:
        weights: dict[str, Tensor] = {k.removeprefix("module."): v for k, v in loaded["state_dict"].items()}
        network = PiDiNet(weights["init_block.weight"].shape[0], weights["dilations.0.conv1.weight"].shape[0])
        own = {"first.weight": fold_pixel_difference(weights["init_block.weight"], _KINDS[0])}
        index = 1
        for stage in range(4):
            for place in range(3 if stage == 0 else 4):
                theirs, mine = f"block{stage + 1}_{place + (1)}", f"stages.{stage}.{place}"
                own[f"{mine}.conv1.weight"] = fold_pixel_difference(
                    weights[f"{theirs}.conv1.weight"], _KINDS[index % 4]
                )
                own[f"{mine}.conv2.weight"] = weights[f"{theirs}.conv2.weight"]
                for kind in ("weight", "bias"):
                    if f"{theirs}.shortcut.{kind}" in weights:
                        own[f"{mine}.shortcut.{kind}"] = weights[f"{theirs}.shortcut.{kind}"]
                index += 1
            for name, value in weights.items():
                if name.startswith(f"dilations.{stage}.conv1."):
                    own[f"sides.{stage}.conv1.{name.rsplit('.', 1)[1]}"] = value
                elif name.startswith(f"dilations.{stage}.conv2_"):
                    own[f"sides.{stage}.dilated.{int(name.split('conv2_')[1][0]) - 1}.weight"] = value
                elif name.startswith(f"attentions.{stage}.conv"):
                    own[name.replace(f"attentions.{stage}.conv", f"sides.{stage}.attention")] = value
                elif name.startswith(f"conv_reduces.{stage}.conv."):
                    own[name.replace(f"conv_reduces.{stage}.conv", f"sides.{stage}.reduce")] = value
        own |= {name: value for name, value in weights.items() if name.startswith("classifier.")}
        network.load_state_dict(own)
    except (KeyError, RuntimeError) as error:
        raise ConfigError(f"{path}: not a PiDiNet checkpoint ({error})") from None
    return network.eval()
