"""The gate: the balance of drawing and words follows from the query itself.

Two inverse temperatures belong to a query; here a small network says how they differ from the usual ones. It reads
nothing but the query's two vectors, so the composed query stays one vector, the gallery is untouched, and the user's
weights multiply what it says. It learns from photos that the heads have not seen, under all severities of noise,
because on what was learned by heart both parts look reliable.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stbir.model.bundle import Gate
from stbir.train.align_recipe import FusionSettings
from stbir.train.bank import FeatureBank
from stbir.train.heads import Heads
from stbir.train.losses import composed_loss
from stbir.train.negatives import Rows
from stbir.train.triplets import Triplets
from stbir.train.validation import Balance, Validation

LIMIT = 1.5
BATCH_SIZE = 256
WRONG_WORDS = 0.1
DIGITS = 5


class GateNetwork(nn.Module):
    """[drawing, words] to the changes of both log scales, within +-LIMIT; begins with no change.

    Args:
        num_in: Ds + Dt.
        hidden: Width of the hidden layer.
    """

    def __init__(self, num_in: int, hidden: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(num_in, hidden)
        self.out = nn.Linear(hidden, 2)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, sketch: Tensor, text: Tensor) -> Tensor:
        """[B, Ds], [B, Dt] to [B, 2]."""
        result: Tensor = LIMIT * torch.tanh(self.out(torch.tanh(self.hidden(torch.cat([sketch, text], 1)))))
        return result

    def balance(self, scale: tuple[float, float]) -> Balance:
        """The inverse temperatures of queries, [Q, 2], around the usual ones."""
        usual = torch.tensor(scale).log()
        return lambda drawn, said: (self(drawn, said) + usual).exp()

    def record(self) -> Gate:
        """As a bundle stores it."""

        def rows(values: Tensor) -> tuple[tuple[float, ...], ...]:
            return tuple(tuple(float(f"{value:.{DIGITS}g}") for value in row) for row in values.detach().tolist())

        first, second = rows(self.out.weight)
        biases = rows(self.hidden.bias[None])[0], rows(self.out.bias[None])[0]
        return Gate(
            hidden=rows(self.hidden.weight),
            hidden_bias=biases[0],
            out=(first, second),
            out_bias=(biases[1][0], biases[1][1]),
            limit=LIMIT,
        )


@dataclass(frozen=True)
class Unseen:
    """What the gate learns from: photos that the heads have not seen, as rows of both spaces."""

    rows: Rows
    for_sketch: Tensor
    for_text: Tensor


def fit_gate(
    bank: FeatureBank,
    heads: Heads,
    triplets: Triplets,
    validation: Validation,
    scale: tuple[float, float],
    settings: FusionSettings,
    seed: int,
) -> GateNetwork:
    """Learn the gate.

    Args:
        bank: The features.
        heads: The trained heads; they stay as they are.
        triplets: Photos that the heads have not seen.
        validation: Embeds photos.
        scale: The usual inverse temperatures.
        settings: Width and steps.
        seed: Of every choice.

    Returns:
        The network.
    """
    torch.manual_seed(seed)
    unseen = Unseen(triplets.rows, *validation.embed_photos(heads, triplets.rows))
    network = GateNetwork(unseen.for_sketch.shape[1] + unseen.for_text.shape[1], settings.gate_hidden)
    log_scale = nn.Parameter(torch.tensor(scale).log())
    groups: list[dict[str, Any]] = [
        {"params": list(network.parameters())},
        {"params": [log_scale], "weight_decay": 0.0},
    ]
    optimiser = torch.optim.AdamW(groups, lr=3e-3, weight_decay=0.05)
    for step in range(settings.gate_steps):
        rng = np.random.default_rng([seed, 13, step])
        places = rng.choice(len(unseen.rows), min(BATCH_SIZE, len(unseen.rows)), p=triplets.chance(balanced=False))
        sketch, text = _noisy_queries(bank, heads, triplets, unseen.rows[places], rng)
        change = network(F.dropout(sketch, 0.1), F.dropout(text, 0.1)) + log_scale
        similarity = sketch @ unseen.for_sketch.T, text @ unseen.for_text.T
        loss = composed_loss(*similarity, torch.from_numpy(places), (change[:, 0].exp(), change[:, 1].exp()))
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return network.eval()


@torch.no_grad()
def _noisy_queries(
    bank: FeatureBank, heads: Heads, triplets: Triplets, photos: Rows, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Drawings and words of photos, each of any severity on its own; some words are those of another photo."""
    drawings, texts = triplets.choose(photos, rng)
    wrong = rng.random(len(photos)) < WRONG_WORDS
    texts[wrong] = rng.permutation(texts)[wrong]
    settings = bank.settings
    found = []
    for part, rows in (("sketch", drawings), ("text", texts)):
        num_variants = len(getattr(settings, f"{part}_severities"))
        variants = np.where(rng.random(len(rows)) < 0.4, 0, rng.integers(0, num_variants, len(rows)))
        features = bank.read(part, rows, variants)
        found.append(heads.sketch(features) if part == "sketch" else heads.text(features))
    return found[0], found[1]
