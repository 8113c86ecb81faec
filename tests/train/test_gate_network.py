from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from stbir.model.bundle import Fusion, Scale  # noqa: E402
from stbir.model.fusion import query_scale  # noqa: E402
from stbir.train.gate import LIMIT, GateNetwork  # noqa: E402


def test_what_a_bundle_stores_is_what_was_learned() -> None:
    torch.manual_seed(0)
    network = GateNetwork(10, 4)
    torch.nn.init.normal_(network.out.weight)
    torch.nn.init.normal_(network.out.bias)
    sketch, text = (torch.nn.functional.normalize(torch.randn(7, 5), dim=-1) for _ in range(2))
    expected = network.balance((12.0, 20.0))(sketch, text).detach().numpy()
    fusion = Fusion(scale=Scale(sketch=12.0, text=20.0), gate=network.record())
    scales = [query_scale(fusion, s, t) for s, t in zip(sketch.numpy(), text.numpy(), strict=True)]
    assert np.allclose([[scale.sketch, scale.text] for scale in scales], expected, rtol=1e-3)
    assert expected.std(0).min() > 0.1


def test_a_new_gate_changes_nothing_and_none_changes_more_than_its_limit() -> None:
    network = GateNetwork(10, 4)
    rows = torch.nn.functional.normalize(torch.randn(3, 5), dim=-1)
    assert torch.equal(network(rows, rows), torch.zeros(3, 2))
    torch.nn.init.constant_(network.out.bias, 50.0)
    assert network(rows, rows).max() <= LIMIT
