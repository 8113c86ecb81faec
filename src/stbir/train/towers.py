"""The three towers (encoders of one modality): pictures, drawings, words.

A bundle compares in two spaces (see `stbir.model.bundle`): drawings with pictures in the sketch space, words with
pictures in the text space. The picture tower has a head for each; drawings and words have one head each.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stbir.errors import ConfigError
from stbir.train.backbones import BACKBONES, MiniLM, MobileNetV2

TEXT_STEM_LAYERS = 4


def flat(*maps: Tensor) -> Tensor:
    """Maps [B, C, h, w] as rows [B, sum of h w C], channels last."""
    return torch.cat([each.permute(0, 2, 3, 1).flatten(1) for each in maps], 1)


def _map(rows: Tensor, channels: int, side: int) -> Tensor:
    """Rows of `flat` as maps [B, C, side, side], channels last in memory."""
    return rows.reshape(len(rows), side, side, channels).permute(0, 3, 1, 2)


class ShapeHead(nn.Module):
    """Pool a feature map twice - averaged, and place by place on a coarse grid - and map it to a unit vector."""

    def __init__(self, channels: int, grid: int, dim: int, place_channels: int = 64, pooled_dim: int = 0) -> None:
        super().__init__()
        self.grid = grid
        self.places = nn.Conv2d(channels, place_channels, 1)
        self.map = nn.Linear(place_channels * grid * grid + (pooled_dim or channels), dim)

    def inputs(self, feature_map: Tensor, pooled: Tensor | None = None) -> Tensor:
        """What `map` maps: the places and the pooled vector, [B, places + P]."""
        places = F.relu(self.places(feature_map)).flatten(1)
        if pooled is None:
            pooled = feature_map.mean((2, 3))
        return torch.cat([places, pooled], 1)

    def forward(self, feature_map: Tensor, pooled: Tensor | None = None) -> Tensor:
        """Map [B, C, grid, grid] (and a pooled vector [B, P], else its own mean) to unit rows [B, dim]."""
        return F.normalize(self.map(self.inputs(feature_map, pooled)), dim=-1)


class ColourHistogram(nn.Module):
    """A plain histogram of colours: each pixel shares itself out between its neighbours on a cube of colours."""

    places: Tensor
    bins = 6
    # Of every row: between the learned colours (2 before they learn) and the network's pooled features (19).
    length = 4.0

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("places", torch.arange(self.bins).float().view(1, 1, -1, 1), persistent=False)
        self.out_dim = self.bins**3

    def forward(self, small: Tensor) -> Tensor:
        """Map a picture [B, 3, h, w] in [-1, 1] to the square roots of its shares of colours, [B, out_dim]."""
        at = (small.flatten(2)[:, :, None] + 1.0) * ((self.bins - 1) / 2)
        near = F.relu(1.0 - (at - self.places).abs())
        red_green = (near[:, 0, :, None] * near[:, 1, None]).flatten(1, 2)
        shares = (red_green @ near[:, 2].transpose(1, 2)).flatten(1) / at.shape[-1]
        return self.length * shares.sqrt()


class ColourBranch(nn.Module):
    """A learned colour histogram: small maps of every pixel's colour, averaged over the picture and over its centre.

    Args:
        dim: Number of learned colours.
        histogram: Whether a plain histogram stands beside it.
    """

    pool = 8

    def __init__(self, dim: int = 64, *, histogram: bool = False) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 48, 1), nn.ReLU(), nn.Conv2d(48, dim, 1), nn.ReLU())
        self.histogram = ColourHistogram() if histogram else None
        self.out_dim = self.num_out(dim, histogram=histogram)

    @staticmethod
    def num_out(dim: int = 64, *, histogram: bool) -> int:
        """How many numbers a picture gives."""
        return 2 * dim + (2 * ColourHistogram.bins**3 if histogram else 0)

    def forward(self, small: Tensor) -> Tensor:
        """Map the shrunken picture [B, 3, h, w] in [-1, 1] to [B, out_dim]."""
        colours = self.layers(small)
        parts = [colours.mean((2, 3)), self._centre(colours).mean((2, 3))]
        if self.histogram is not None:
            parts += [self.histogram(small), self.histogram(self._centre(small))]
        return torch.cat(parts, 1)

    @staticmethod
    def _centre(maps: Tensor) -> Tensor:
        quarter_h, quarter_w = maps.shape[-2] // 4, maps.shape[-1] // 4
        return maps[..., quarter_h:-quarter_h, quarter_w:-quarter_w]


class ImageTower(nn.Module):
    """Pictures to both spaces.

    Args:
        size_px: Side of the pictures.
        sketch_dim: Length of sketch-space rows.
        text_dim: Length of text-space rows.
        one_space: Whether both spaces are one: drawings and words are compared with the same row, the sum of both
            heads. That is the form of TASK-former and of the STBIR authors.
        backbone: Name of its network, see `BACKBONES`.
        histogram: Whether a plain histogram of colours stands beside the learned one.
        frozen_backbone: Whether the whole network belongs to `lower`, so that `upper` is the layers on its maps alone.

    Attributes:
        is_new: Whether it was begun anew on an ImageNet network instead of restored from a bundle.
    """

    def __init__(
        self,
        size_px: int,
        sketch_dim: int,
        text_dim: int,
        *,
        one_space: bool = False,
        backbone: str = MobileNetV2.name,
        histogram: bool = False,
        frozen_backbone: bool = False,
    ) -> None:
        super().__init__()
        if one_space and sketch_dim != text_dim:
            raise ConfigError(f"one space has one size, not {sketch_dim} for drawings and {text_dim} for words")
        self.size_px = size_px
        self.one_space = one_space
        self.frozen_backbone = frozen_backbone
        self.is_new = False
        self.backbone = BACKBONES[backbone]()
        self.colour = ColourBranch(histogram=histogram)
        self.text_head = nn.Sequential(
            nn.Linear(self.backbone.feature_dim + self.colour.out_dim, 512), nn.GELU(), nn.Linear(512, text_dim)
        )
        self.detail = nn.Conv2d(self.backbone.stem_channels, 128, 3, stride=2, padding=1)
        grid = size_px // 32
        self.shape_head = ShapeHead(
            self.backbone.last_channels + 128, grid, sketch_dim, 96, pooled_dim=self.backbone.feature_dim
        )

    def shrink(self, pixels: Tensor) -> Tensor:
        """The small picture of the colour branch: [B, 3, S, S] -> [B, 3, S/8, S/8]."""
        return F.avg_pool2d(pixels, self.colour.pool)

    def middle(self, stem: Tensor) -> tuple[Tensor, Tensor]:
        """Run the blocks after the stem.

        Args:
            stem: [B, C, S/16, S/16].

        Returns:
            The last block's map [B, 320, S/32, S/32] and the pooled features [B, 1280].
        """
        x = stem
        for block in self.backbone.blocks[self.backbone.stem_blocks :]:
            x = block(x)
        return x, F.relu6(self.backbone.last(x)).mean((2, 3))

    def text_space(self, pooled: Tensor, small: Tensor) -> Tensor:
        """Pooled features [B, 1280] and small picture to unit rows [B, text_dim]."""
        return F.normalize(self.text_head(torch.cat([pooled, self.colour(small)], 1)), dim=-1)

    def features(self, pixels: Tensor) -> Tensor:
        """What the heads read, [B, 96 g g + 1280 + colours] with g = S/32: places, pooled features, colours."""
        return self.upper(*self.lower(pixels))

    def lower(self, pixels: Tensor) -> tuple[Tensor, ...]:
        """What `upper` starts from.

        Returns:
            The stem [B, C, S/16, S/16] and the small picture [B, 3, S/8, S/8]; with a frozen backbone also what
            `middle` makes of the stem, [B, 320, S/32, S/32] and [B, 1280, 1, 1].
        """
        stem, small = self.backbone.stem(pixels, self.backbone.stem_blocks), self.shrink(pixels)
        if not self.frozen_backbone:
            return stem, small
        last, pooled = self.middle(stem)
        return stem, small, last, pooled[..., None, None]

    def upper(self, stem: Tensor, small: Tensor, last: Tensor | None = None, pooled: Tensor | None = None) -> Tensor:
        """From what `lower` gives to `features`."""
        if last is None or pooled is None:
            last, pooled = self.middle(stem)
        pooled = pooled.flatten(1)
        shape = self.shape_head.inputs(torch.cat([F.relu(self.detail(stem)), last], 1), pooled)
        return torch.cat([shape, self.colour(small)], 1)

    def rise(self, rows: Tensor) -> Tensor:
        """`upper` of flat rows of `lower`."""
        side = self.size_px // 16
        shapes = [(self.backbone.stem_channels, side), (3, 2 * side)]
        if self.frozen_backbone:
            shapes += [(self.backbone.last_channels, side // 2), (self.backbone.feature_dim, 1)]
        parts = torch.split(rows, [channels * wide * wide for channels, wide in shapes], 1)
        return self.upper(*(_map(part, *shape) for part, shape in zip(parts, shapes, strict=True)))

    def upper_modules(self) -> nn.ModuleList:
        """What `upper` runs."""
        return nn.ModuleList([*self.upper_blocks(), self.detail, self.shape_head.places, self.colour])

    def upper_blocks(self) -> nn.ModuleList:
        """What `upper` runs of the pretrained network."""
        if self.frozen_backbone:
            return nn.ModuleList()
        return nn.ModuleList([*self.backbone.blocks[self.backbone.stem_blocks :], self.backbone.last])

    def heads(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Rows of `features` to unit rows of the sketch space and of the text space."""
        num_places = self.shape_head.map.in_features - self.backbone.feature_dim
        shape = self.shape_head.map(features[:, : self.shape_head.map.in_features])
        words = self.text_head(features[:, num_places:])
        if self.one_space:
            both = F.normalize(shape + words, dim=-1)
            return both, both
        return F.normalize(shape, dim=-1), F.normalize(words, dim=-1)

    def sketch_space(self, stem: Tensor, last: Tensor, pooled: Tensor) -> Tensor:
        """Stem, last map and pooled features of `middle` to unit rows [B, sketch_dim]."""
        result: Tensor = self.shape_head(torch.cat([F.relu(self.detail(stem)), last], 1), pooled)
        return result

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Map pictures [B, 3, S, S] in [-1, 1] to unit rows of the sketch space and of the text space."""
        return self.heads(self.features(pixels))


class SketchTower(nn.Module):
    """Drawings to the sketch space.

    Args:
        size_px: Side of the drawings.
        sketch_dim: Length of sketch-space rows.
        backbone: Name of its network, see `BACKBONES`.

    Attributes:
        is_new: Whether it was begun anew on an ImageNet network instead of restored from a bundle.
    """

    def __init__(self, size_px: int, sketch_dim: int, *, backbone: str = MobileNetV2.name) -> None:
        super().__init__()
        self.size_px = size_px
        self.is_new = False
        self.backbone = BACKBONES[backbone]()
        self.head = ShapeHead(self.backbone.feature_dim, size_px // 32, sketch_dim, 64)

    def features(self, ink: Tensor) -> Tensor:
        """Map drawings [B, 1, S, S], 1 = ink, to feature maps [B, 1280, S/32, S/32]."""
        result: Tensor = self.backbone((1.0 - 2.0 * ink).expand(-1, 3, -1, -1))
        return result

    def lower(self, ink: Tensor) -> Tensor:
        """The stem of drawings, [B, C, S/16, S/16]."""
        return self.backbone.stem((1.0 - 2.0 * ink).expand(-1, 3, -1, -1), self.backbone.stem_blocks)

    def upper(self, stem: Tensor) -> Tensor:
        """From what `lower` gives to what the head maps, [B, places + 1280]."""
        return self.head.inputs(self.backbone.top(stem, self.backbone.stem_blocks))

    def rise(self, rows: Tensor) -> Tensor:
        """`upper` of flat rows of `lower`."""
        return self.upper(_map(rows, self.backbone.stem_channels, self.size_px // 16))

    def upper_modules(self) -> nn.ModuleList:
        """What `upper` runs."""
        return nn.ModuleList([*self.upper_blocks(), self.head.places])

    def upper_blocks(self) -> nn.ModuleList:
        """What `upper` runs of the pretrained network."""
        return nn.ModuleList([*self.backbone.blocks[self.backbone.stem_blocks :], self.backbone.last])

    def forward(self, ink: Tensor) -> Tensor:
        """Map drawings [B, 1, S, S], 1 = ink and 0 = paper, to unit rows [B, sketch_dim]."""
        result: Tensor = self.head(self.features(ink))
        return result


class TextTower(nn.Module):
    """Words to the text space."""

    def __init__(self, text_dim: int, num_layers: int = 6) -> None:
        super().__init__()
        self.backbone = MiniLM(num_layers)
        self.head = nn.Sequential(nn.Linear(self.backbone.dim, 512), nn.GELU(), nn.Linear(512, text_dim))
        self.skip = nn.Linear(self.backbone.dim, text_dim)

    def project(self, pooled: Tensor) -> Tensor:
        """Map the backbone's vectors [B, 384] to unit rows [B, text_dim]."""
        return F.normalize(self.skip(pooled) + self.head(pooled), dim=-1)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Map token ids and their mask, both [B, L], to unit rows [B, text_dim]."""
        return self.project(self.backbone(input_ids, attention_mask))


@dataclass(frozen=True)
class Towers:
    """The three towers of a model."""

    image: ImageTower
    sketch: SketchTower
    text: TextTower
