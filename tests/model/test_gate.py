from __future__ import annotations

import itertools
import json
import math

import numpy as np
import pytest
from pydantic import ValidationError

from stbir.model.bundle import Dims, Fusion, Gate, Scale
from stbir.model.fusion import compose, query_scale, scores
from stbir.query import Weights

DIMS = Dims(sketch=3, text=2)


def make_gate(**changes: object) -> Gate:
    fields: dict[str, object] = {
        "hidden": [[1.0, 0, 0, 0, 0], [0, 0, 0, 2.0, 0]],
        "hidden_bias": [0.0, 0.1],
        "out": [[1.0, 0.0], [0.0, -1.0]],
        "out_bias": [0.0, 0.2],
        "limit": 1.5,
    }
    return Gate.model_validate({**fields, **changes})


def unit(*values: float) -> np.ndarray:
    row = np.asarray(values, np.float32)
    return row / np.linalg.norm(row)


def test_the_balance_follows_from_the_query() -> None:
    fusion = Fusion(scale=Scale(sketch=10, text=20), gate=make_gate())
    found = query_scale(fusion, unit(1, 0, 0), unit(0, 1))
    first = math.tanh(math.tanh(1.0))
    second = math.tanh(-math.tanh(0.1) + 0.2)
    assert found.sketch == pytest.approx(10 * math.exp(1.5 * first), rel=1e-5)
    assert found.text == pytest.approx(20 * math.exp(1.5 * second), rel=1e-5)
    assert query_scale(fusion, unit(-1, 0, 0), unit(0, 1)).sketch < 10


def test_one_part_alone_and_the_users_weights_are_not_touched() -> None:
    plain, gated = Fusion(scale=Scale(sketch=2, text=3)), Fusion(scale=Scale(sketch=2, text=3), gate=make_gate())
    sketch, text = unit(1, 2, 0), unit(1, 1)
    for parts in ({"sketch": sketch}, {"text": text}):
        assert np.array_equal(compose(DIMS, plain, Weights(), **parts), compose(DIMS, gated, Weights(), **parts))
    only_words = compose(DIMS, gated, Weights(sketch=0), sketch=sketch, text=text)
    assert np.allclose(only_words, [0, 0, 0, *text])


def test_the_slider_goes_from_one_part_to_the_other() -> None:
    fusion = Fusion(gate=make_gate())
    gallery = np.stack([np.concatenate([unit(1, 2, 0), unit(-1, 1)]), np.concatenate([unit(-2, 1, 0), unit(1, 1)])])
    gallery = (gallery / np.sqrt(2)).astype(np.float32)
    leads = []
    for share in np.linspace(0, 1, 9):
        weights = Weights(sketch=float(share), text=float(1 - share))
        found = scores(compose(DIMS, fusion, weights, sketch=unit(1, 2, 0), text=unit(1, 1)), gallery)
        leads.append(found[0] - found[1])
    assert leads[0] < 0 < leads[-1]
    assert all(a < b for a, b in itertools.pairwise(leads))


@pytest.mark.parametrize(
    "changes",
    [
        {"hidden_bias": [0.0]},
        {"out": [[1.0], [0.0]]},
        {"hidden": [[1.0], [1.0, 2.0]]},
        {"hidden": []},
        {"out_bias": [0.0, math.nan]},
        {"limit": 0},
    ],
)
def test_a_gate_that_does_not_fit_together_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        make_gate(**changes)


def test_a_gate_survives_json_and_has_a_name() -> None:
    gate = make_gate()
    again = Gate.model_validate(json.loads(gate.model_dump_json()))
    assert again == gate
    assert again.digest == gate.digest != make_gate(limit=1.0).digest
