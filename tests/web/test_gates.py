from __future__ import annotations

import pytest

from stbir.web.gates import Gate, Rate
from stbir.web.problems import Problem


def test_a_gate_lets_in_as_many_as_it_may():
    gate = Gate("searches", 2)
    with gate.entered(), gate.entered():
        with pytest.raises(Problem, match="busy with 2 searches") as refused, gate.entered():
            pass
        assert refused.value.status == 503
        assert int(refused.value.headers["Retry-After"]) >= 1
    with gate.entered():
        assert gate.num_inside == 1
    with pytest.raises(KeyError), gate.entered():
        raise KeyError
    assert gate.num_inside == 0
    assert gate.num_refused == 1


def test_a_bucket_fills_again():
    now = 0.0
    rate = Rate(2.0, 3, clock=lambda: now)
    for _ in range(3):
        rate.take("a")
    with pytest.raises(Problem) as refused:
        rate.take("a")
    assert refused.value.headers["Retry-After"] == "1"
    rate.take("b")
    now = 0.5
    rate.take("a")
    with pytest.raises(Problem):
        rate.take("a")
    now = 1000.0
    for _ in range(3):
        rate.take("a")
    with pytest.raises(Problem):
        rate.take("a")


def test_no_rate_counts_nothing():
    rate = Rate(None, 1)
    for _ in range(1000):
        rate.take("a")


def test_many_clients_take_bounded_memory(monkeypatch):
    monkeypatch.setattr("stbir.web.gates.MAX_CLIENTS", 10)
    rate = Rate(1.0, 1)
    for number in range(100):
        rate.take(str(number))
    assert len(rate._buckets) == 10
