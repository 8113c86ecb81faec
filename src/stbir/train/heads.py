"""The heads that an alignment run trains, over the frozen features of a bank, and upper blocks where they learn too.

They are the towers' own last layers, so what is trained is exported without a change of the graph's form.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stbir.train.towers import ImageTower, SketchTower, Towers

PARTS = ("sketch", "image", "text")


class Heads:
    """Features in, unit rows out.

    Args:
        towers: Whose heads learn; changed in place.
        upper: Towers (`sketch`, `image`) whose blocks above the stem learn too: their features are the bank's flat
            stems, [B, C s s] of a drawing and [B, C s s + 12 s s] of a photo and its small picture, s = S/16; of a
            frozen picture network also its last map and the mean of it.

    Attributes:
        by_part: All that may learn, by modality.
        upper: Of those, what stands between the kept stems and the heads.
        blocks: Of those, the blocks of pretrained networks, which learn slowly.
    """

    def __init__(self, towers: Towers, upper: Collection[str] = ()) -> None:
        self.towers = towers
        self.dropout = 0.0
        self.by_part: Mapping[str, nn.ModuleList] = {
            "sketch": nn.ModuleList([towers.sketch.head.map]),
            "image": nn.ModuleList([towers.image.shape_head.map, towers.image.text_head]),
            "text": nn.ModuleList([towers.text.head, towers.text.skip]),
        }
        above = {"sketch": towers.sketch.upper_modules, "image": towers.image.upper_modules}
        self.upper: Mapping[str, nn.ModuleList] = {part: above[part]() for part in upper}
        for part, blocks in self.upper.items():
            self.by_part[part].extend(blocks)
        towers_of: Mapping[str, SketchTower | ImageTower] = {"sketch": towers.sketch, "image": towers.image}
        self.blocks = {part: towers_of[part].upper_blocks() for part in upper}

    @property
    def one_space(self) -> bool:
        """Whether drawings and words are compared with the same row of a photo."""
        return self.towers.image.one_space

    def sketch(self, features: Tensor) -> Tensor:
        """[B, Fs] to unit rows of the sketch space."""
        risen = self.towers.sketch.rise(features) if "sketch" in self.upper else features
        return F.normalize(self.towers.sketch.head.map(self._dropped("sketch", risen)), dim=-1)

    def text(self, features: Tensor) -> Tensor:
        """[B, 384] to unit rows of the text space."""
        return self.towers.text.project(self._dropped("text", features))

    def image(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """[B, Fi] to unit rows of the sketch space and of the text space."""
        risen = self.towers.image.rise(features) if "image" in self.upper else features
        return self.towers.image.heads(self._dropped("image", risen))

    def _dropped(self, part: str, features: Tensor) -> Tensor:
        return F.dropout(features, self.dropout, self.by_part[part].training)


def fresh_heads(towers: Towers, seed: int) -> None:
    """Draw new heads; all presets begin from the same ones.

    Args:
        towers: Changed in place.
        seed: Of the drawing.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        for part in Heads(towers).by_part.values():
            for module in part.modules():
                if isinstance(module, nn.Linear):
                    module.reset_parameters()
