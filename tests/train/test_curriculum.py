from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from stbir.train.align_recipe import CurriculumSettings  # noqa: E402
from stbir.train.curriculum import Curriculum  # noqa: E402

SEVERITIES = (0.0, 1.0, 2.0, 3.5, 5.0)


def test_the_ramp_goes_from_the_first_to_the_last_values() -> None:
    settings = CurriculumSettings(kind="ramp", probability=(0.05, 0.6), severity=(1, 5), missing=(0, 0.2))
    curriculum = Curriculum(settings, 101)
    first, middle, last = (curriculum.at(step) for step in (0, 50, 100))
    assert (first.probability, first.severity, first.missing) == (0.05, 1.0, 0.0)
    assert (last.probability, last.severity, last.missing) == (0.6, 5.0, 0.2)
    assert middle.severity == pytest.approx(3.0)
    assert middle.probability == pytest.approx(0.325)


def test_the_adaptive_one_rises_only_where_validation_allows_it_and_not_beyond_the_last() -> None:
    curriculum = Curriculum(CurriculumSettings(kind="adaptive", severity=(1, 5), num_levels=4, keep=0.8), 100)
    assert curriculum.at(99).severity == 1.0
    curriculum.listen(0.5, 0.39)
    assert curriculum.level == 0
    curriculum.listen(0.5, 0.41)
    assert curriculum.at(0).severity == 2.0
    for _ in range(9):
        curriculum.listen(0.5, 0.5)
    assert curriculum.at(0).severity == 5.0
    other = Curriculum(curriculum.settings, 100)
    other.load_state_dict(curriculum.state_dict())
    assert other.at(3) == curriculum.at(3)


def test_a_ramp_does_not_listen() -> None:
    curriculum = Curriculum(CurriculumSettings(kind="ramp"), 10)
    curriculum.listen(0.5, 0.5)
    assert curriculum.level == 0


def test_variants_follow_probability_and_severity() -> None:
    settings = CurriculumSettings(kind="ramp", probability=(0.5, 0.5), severity=(2, 2), parts=("sketch",))
    curriculum = Curriculum(settings, 10)
    chosen = curriculum.variants("sketch", SEVERITIES, 4000, 0, np.random.default_rng(0))
    # Severity is drawn from 0 to 2: half of the items are left alone, of the others a quarter is nearest to 0.
    assert np.bincount(chosen, minlength=5) / 4000 == pytest.approx([0.625, 0.25, 0.125, 0, 0], abs=0.03)
    assert not curriculum.variants("text", SEVERITIES, 50, 0, np.random.default_rng(0)).any()


def test_off_spoils_nothing() -> None:
    curriculum = Curriculum(CurriculumSettings(kind="off"), 10)
    assert not curriculum.variants("sketch", SEVERITIES, 50, 9, np.random.default_rng(0)).any()
    assert curriculum.at(9).missing == 0
