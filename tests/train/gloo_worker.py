"""Three steps of a small contrastive model, alone or as one of several processes; writes what came out.

Run by test_distributed.py as `python gloo_worker.py FOLDER`, with torchrun's environment or without.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from stbir.train import distributed
from stbir.train.category import MarginHead
from stbir.train.losses import composed_loss, info_nce, sigmoid_loss
from stbir.train.memory import CrossBatchMemory

BATCH = 7  # Not a multiple of the number of processes.


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.towers = nn.ModuleDict(
            {name: nn.Sequential(nn.Linear(6, 10), nn.GELU(), nn.Linear(10, 4)) for name in ("image", "sketch", "text")}
        )
        self.log_scale, self.bias = nn.Parameter(torch.tensor(1.5)), nn.Parameter(torch.tensor(-2.0))
        self.offset = nn.Parameter(torch.zeros(4))  # Of item 0 alone: one process never uses it.
        self.unused = nn.Parameter(torch.ones(2))
        self.head = MarginHead("arcface", 3, 4)

    def rows(self, tower: str, items: np.ndarray, step: int) -> Tensor:
        """Embeddings of this process's items."""
        data = np.stack([np.random.default_rng([int(item), step, len(tower)]).normal(size=6) for item in items])
        out = self.towers[tower](torch.from_numpy(data))
        if 0 in items:
            out = out + torch.from_numpy(items == 0).unsqueeze(1) * self.offset
        return nn.functional.normalize(out, dim=-1)


def losses(model: Model, memory: CrossBatchMemory, step: int) -> dict[str, Tensor]:
    own = distributed.share(np.arange(BATCH))
    image, sketch, text = (distributed.gather(model.rows(name, own, step)) for name in ("image", "sketch", "text"))
    ids = distributed.gather(torch.from_numpy(own))
    is_even = distributed.gather(torch.from_numpy(own % 2 == 0))
    same = is_even[:, None] & is_even[None]
    extra, extra_ids = memory.rows("image")
    scale = model.log_scale.exp()
    per_query = scale * (1 + is_even.double())
    found = {
        "info_nce": info_nce(sketch, image, scale, same, extra.double(), ids[:, None] == extra_ids[None]),
        "sigmoid": sigmoid_loss(text, image, scale, model.bias, same),
        "composed": composed_loss(sketch @ image.T, text @ image.T, ids, (per_query, scale), same),
        "class": model.head.loss(image, ids % 4 - 1),
    }
    memory.add("image", image, ids)
    return found


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    with distributed.process_group("cpu"):
        torch.manual_seed(distributed.rank())
        model = Model().double()
        distributed.align_modules({"model": model})
        memory = CrossBatchMemory({"image": 4}, 10, warmup_steps=1)
        optimiser = torch.optim.AdamW(model.parameters(), lr=0.01)
        history, gradients = [], {}
        for step in range(3):
            found = losses(model, memory, step)
            optimiser.zero_grad(set_to_none=True)
            torch.stack(list(found.values())).sum().backward()
            distributed.average_gradients(model.parameters())
            gradients = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
            optimiser.step()
            history.append({name: float(value.detach()) for name, value in found.items()})
        figures = distributed.from_main({"rank": float(distributed.rank())})
        distributed.barrier()
        torch.save(
            {"losses": history, "gradients": gradients, "weights": model.state_dict(), "figures": figures},
            folder / f"{distributed.rank()}-of-{distributed.world_size()}.pt",
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
