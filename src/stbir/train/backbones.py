"""The networks that towers are made of and learn from, in plain PyTorch.

Those of pictures have their batch norm folded into the convolutions. They and MiniLM are cut in two on demand, `stem`
and `top`: what a frozen stem gives is cached once, and only the top is run while training.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class Block:
    """A run of inverted residuals: how much they expand, their channels, their number, first stride, kernel side."""

    expansion: int
    channels: int
    repeats: int
    stride: int
    kernel: int = 3


def _pad_same(x: Tensor, kernel: int) -> Tensor:
    """Pad as Keras does before a convolution of stride 2: for even sizes one more below and right."""
    sides = []
    for size in (x.shape[-1], x.shape[-2]):
        total = kernel - 2 + size % 2
        sides += [total // 2, total - total // 2]
    return F.pad(x, sides)


class InvertedResidual(nn.Module):
    """Expand 1x1, depthwise, project 1x1, with a shortcut where the shape allows it."""

    def __init__(self, num_in: int, num_out: int, stride: int, expansion: int, kernel: int = 3) -> None:
        super().__init__()
        hidden = num_in * expansion
        self.stride, self.kernel = stride, kernel
        self.expand = nn.Conv2d(num_in, hidden, 1) if expansion != 1 else None
        padding = 0 if stride == 2 else kernel // 2
        self.depthwise = nn.Conv2d(hidden, hidden, kernel, stride, padding=padding, groups=hidden)
        self.project = nn.Conv2d(hidden, num_out, 1)
        self.has_shortcut = stride == 1 and num_in == num_out

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, C, H, W] to [B, C', H/stride, W/stride]."""
        y = x if self.expand is None else F.relu6(self.expand(x))
        if self.stride == 2:
            y = _pad_same(y, self.kernel)
        y = self.project(F.relu6(self.depthwise(y)))
        result: Tensor = x + y if self.has_shortcut else y
        return result


class MobileBackbone(nn.Module):
    """A network of inverted residuals up to its last feature map, batch norm folded into the convolutions.

    Attributes:
        name: As recipes name it.
        plan: Its blocks.
        stem_blocks: How many residuals belong to the stem, what comes before the last halving of the map.
        stem_channels: Channels of the stem's map.
        last_channels: Channels after the last residual.
        feature_dim: Channels of the last map.
    """

    name: ClassVar[str]
    plan: ClassVar[tuple[Block, ...]]
    stem_blocks: ClassVar[int]
    stem_channels: ClassVar[int]
    last_channels: ClassVar[int] = 320
    feature_dim: ClassVar[int] = 1280

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 32, 3, 2)
        blocks = []
        num_in = 32
        for part in self.plan:
            for index in range(part.repeats):
                stride = part.stride if index == 0 else 1
                blocks.append(InvertedResidual(num_in, part.channels, stride, part.expansion, part.kernel))
                num_in = part.channels
        self.blocks = nn.ModuleList(blocks)
        self.last = nn.Conv2d(num_in, self.feature_dim, 1)

    def stem(self, pixels: Tensor, num_blocks: int) -> Tensor:
        """Run the first convolution and the first blocks.

        Args:
            pixels: [B, 3, H, W] in [-1, 1].
            num_blocks: How many of the blocks to run.

        Returns:
            The feature map [B, C, h, w].
        """
        x = F.relu6(self.first(_pad_same(pixels, 3)))
        for block in self.blocks[:num_blocks]:
            x = block(x)
        return x

    def top(self, x: Tensor, num_blocks: int) -> Tensor:
        """Run the blocks after the first `num_blocks` and the last convolution: [B, C, h, w] -> [B, 1280, h', w']."""
        for block in self.blocks[num_blocks:]:
            x = block(x)
        return F.relu6(self.last(x))

    def forward(self, pixels: Tensor) -> Tensor:
        """Map pictures [B, 3, H, W] in [-1, 1] to feature maps [B, 1280, H/32, W/32]."""
        return self.top(self.stem(pixels, 0), 0)


class MobileNetV2(MobileBackbone):
    """MobileNetV2 1.0.

    Source: Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018, table 2.
    """

    name = "mobilenet_v2"
    plan = (
        Block(1, 16, 1, 1),
        Block(6, 24, 2, 2),
        Block(6, 32, 3, 2),
        Block(6, 64, 4, 2),
        Block(6, 96, 3, 1),
        Block(6, 160, 3, 2),
        Block(6, 320, 1, 1),
    )
    stem_blocks = 13
    stem_channels = 96


class EfficientNetLite0(MobileBackbone):
    """EfficientNet-Lite0: EfficientNet-B0 without squeeze-and-excitation, with ReLU6 for swish.

    Source: Tan and Le, "EfficientNet", ICML 2019, table 1; the Lite form is of TensorFlow's model garden.
    """

    name = "efficientnet_lite0"
    plan = (
        Block(1, 16, 1, 1),
        Block(6, 24, 2, 2),
        Block(6, 40, 2, 2, 5),
        Block(6, 80, 3, 2),
        Block(6, 112, 3, 1, 5),
        Block(6, 192, 4, 2, 5),
        Block(6, 320, 1, 1),
    )
    stem_blocks = 11
    stem_channels = 112


BACKBONES: Mapping[str, type[MobileBackbone]] = {kind.name: kind for kind in (MobileNetV2, EfficientNetLite0)}


class TransformerLayer(nn.Module):
    """One post-norm BERT layer: 12 heads, 384 wide, 1,536 inside."""

    def __init__(self, dim: int, num_heads: int, hidden_dim: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.query = nn.Linear(dim, dim)
        self.key = nn.Linear(dim, dim)
        self.value = nn.Linear(dim, dim)
        self.attention_out = nn.Linear(dim, dim)
        self.attention_norm = nn.LayerNorm(dim, eps=1e-12)
        self.inner = nn.Linear(dim, hidden_dim)
        self.outer = nn.Linear(hidden_dim, dim)
        self.norm = nn.LayerNorm(dim, eps=1e-12)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """Map [B, L, D] to [B, L, D]; `bias` [B, 1, 1, L] is 0 for tokens and very negative for padding."""
        batch, length, dim = x.shape

        def split(y: Tensor) -> Tensor:
            return y.view(batch, length, self.num_heads, dim // self.num_heads).transpose(1, 2)

        query, key, value = split(self.query(x)), split(self.key(x)), split(self.value(x))
        scores = query @ key.transpose(-1, -2) / (dim // self.num_heads) ** 0.5 + bias
        mixed = (scores.softmax(-1) @ value).transpose(1, 2).reshape(batch, length, dim)
        x = self.attention_norm(x + self.attention_out(mixed))
        result: Tensor = self.norm(x + self.outer(F.gelu(self.inner(x))))
        return result


class MiniLM(nn.Module):
    """The BERT encoder of all-MiniLM-L6-v2 (384 wide, up to six layers), mean-pooled.

    Source: Wang et al., "MiniLM", NeurIPS 2020; sentence-transformers' all-MiniLM-L6-v2.
    """

    dim = 384

    def __init__(self, num_layers: int = 6, vocabulary_size: int = 30522, max_positions: int = 512) -> None:
        super().__init__()
        self.words = nn.Embedding(vocabulary_size, self.dim)
        self.positions = nn.Embedding(max_positions, self.dim)
        self.embedding_norm = nn.LayerNorm(self.dim, eps=1e-12)
        self.layers = nn.ModuleList([TransformerLayer(self.dim, 12, 4 * self.dim) for _ in range(num_layers)])

    def load_bert(self, weights: dict[str, Tensor]) -> None:
        """Copy the weights of a Hugging Face BERT state dict.

        Args:
            weights: Tensors by name (`embeddings.word_embeddings.weight`, `encoder.layer.0.…`).
        """
        types = weights["embeddings.token_type_embeddings.weight"][0]
        self.words.weight.data.copy_(weights["embeddings.word_embeddings.weight"])
        # Single sentences have token type 0 throughout, so its embedding is folded into the positions.
        self.positions.weight.data.copy_(weights["embeddings.position_embeddings.weight"] + types)
        self.embedding_norm.weight.data.copy_(weights["embeddings.LayerNorm.weight"])
        self.embedding_norm.bias.data.copy_(weights["embeddings.LayerNorm.bias"])
        names = {
            "query": "attention.self.query",
            "key": "attention.self.key",
            "value": "attention.self.value",
            "attention_out": "attention.output.dense",
            "attention_norm": "attention.output.LayerNorm",
            "inner": "intermediate.dense",
            "outer": "output.dense",
            "norm": "output.LayerNorm",
        }
        for index, layer in enumerate(self.layers):
            for own, theirs in names.items():
                for kind in ("weight", "bias"):
                    target = getattr(getattr(layer, own), kind)
                    target.data.copy_(weights[f"encoder.layer.{index}.{theirs}.{kind}"])

    def stem(self, input_ids: Tensor, attention_mask: Tensor, num_layers: int) -> Tensor:
        """Run the embeddings and the first layers: ids [B, L] -> hidden states [B, L, D]."""
        places = torch.arange(input_ids.shape[1], device=input_ids.device)
        x = self.embedding_norm(self.words(input_ids) + self.positions(places))
        bias = _attention_bias(attention_mask)
        for layer in self.layers[:num_layers]:
            x = layer(x, bias)
        result: Tensor = x
        return result

    def top(self, x: Tensor, attention_mask: Tensor, num_layers: int) -> Tensor:
        """Run the layers after the first `num_layers` and mean-pool: [B, L, D] -> [B, D]."""
        bias = _attention_bias(attention_mask)
        for layer in self.layers[num_layers:]:
            x = layer(x, bias)
        mask = attention_mask.to(x.dtype).unsqueeze(-1)
        return (x * mask).sum(1) / mask.sum(1).clamp(min=1.0)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Map token ids [B, L] and their mask [B, L] to one vector a text, [B, 384]."""
        return self.top(self.stem(input_ids, attention_mask, 0), attention_mask, 0)


def _attention_bias(attention_mask: Tensor) -> Tensor:
    return (1.0 - attention_mask[:, None, None, :].float()) * -1e4


class DoodleNet(nn.Module):
    """The 345-class Quick, Draw! classifier DoodleNet, a teacher of the drawing tower: 28 px, ink = 1."""

    def __init__(self) -> None:
        super().__init__()
        widths = [1, 16, 16, 32, 32, 64, 64]
        self.convs = nn.ModuleList([nn.Conv2d(a, b, 3, padding=1) for a, b in pairwise(widths)])
        self.hidden = nn.Linear(576, 512)
        self.classifier = nn.Linear(512, 345)

    def features(self, ink: Tensor) -> Tensor:
        """Map drawings [B, 1, 28, 28] to the hidden layer [B, 512], each value in (-1, 1)."""
        x = ink
        for index, conv in enumerate(self.convs):
            x = F.relu(conv(x))
            if index % 2:
                x = F.max_pool2d(x, 2)
        # The dense layer was trained on channels-last maps.
        return torch.tanh(self.hidden(x.permute(0, 2, 3, 1).flatten(1)))

    def forward(self, ink: Tensor) -> Tensor:
        """Map drawings [B, 1, 28, 28] to logits over the 345 classes, [B, 345]."""
        logits: Tensor = self.classifier(self.features(ink))
        return logits
