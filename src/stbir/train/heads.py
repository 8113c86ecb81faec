"""The heads that an alignment run trains, over the frozen features of a bank.

They are the towers' own last layers, so what is trained is exported without a change of the graph's form.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stbir.train.towers import Towers

PARTS = ("sketch", "image", "text")


class Heads:
    """Features in, unit rows out.

    Args:
        towers: Whose heads learn; changed in place.
    """

    def __init__(self, towers: Towers) -> None:
        self.towers = towers
        self.dropout = 0.0
        self.by_part: Mapping[str, nn.ModuleList] = {
            "sketch": nn.ModuleList([towers.sketch.head.map]),
            "image": nn.ModuleList([towers.image.shape_head.map, towers.image.text_head]),
            "text": nn.ModuleList([towers.text.head, towers.text.skip]),
        }

    @property
    def one_space(self) -> bool:
        """Whether drawings and words are compared with the same row of a photo."""
        return self.towers.image.one_space

    def sketch(self, features: Tensor) -> Tensor:
        """[B, Fs] to unit rows of the sketch space."""
        return F.normalize(self.towers.sketch.head.map(self._dropped("sketch", features)), dim=-1)

    def text(self, features: Tensor) -> Tensor:
        """[B, 384] to unit rows of the text space."""
        return self.towers.text.project(self._dropped("text", features))

    def image(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """[B, Fi] to unit rows of the sketch space and of the text space."""
        return self.towers.image.heads(self._dropped("image", features))

    def _dropped(self, part: str, features: Tensor) -> Tensor:
        return F.dropout(features, self.dropout, self.by_part[part].training)


def fresh_heads(towers: Towers, seed: int, *, one_space: bool) -> None:
    """Draw new heads; all presets begin from the same ones.

    Args:
        towers: Changed in place.
        seed: Of the drawing.
        one_space: Whether both spaces are one from now on.
    """
    towers.image.one_space = one_space
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        for part in Heads(towers).by_part.values():
            for module in part.modules():
                if isinstance(module, nn.Linear):
                    module.reset_parameters()
