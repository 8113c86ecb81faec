"""Words: every caption names colour and object, and does not claim what is not there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from stbir.synth import KINDS, attributes, describe, sample_spec
from stbir.synth.palette import COLOR_SYNONYMS, COLORS, MATERIALS, PATTERN_WORDS
from stbir.synth.wording import short_text


def spec_of(kind, seed=0):
    return sample_spec(np.random.default_rng([seed, len(kind)]), kind)


@pytest.mark.parametrize("kind", KINDS)
def test_every_text_names_colour_and_object(kind):
    for seed in range(6):
        spec = spec_of(kind, seed)
        texts = describe(spec, np.random.default_rng(seed))
        assert len(texts) == len(set(texts)) >= 2
        for text in texts:
            assert any(color in text for color in COLOR_SYNONYMS[spec.color]), text
            assert any(noun in text for noun in KINDS[kind].nouns), text
            assert "{" not in text
            assert "  " not in text
            assert text == text.strip(" ,")
        assert texts[0].split(",")[0].endswith((KINDS[kind].name, KINDS[kind].nouns[0])) or spec.pattern != "plain"


def test_laces_are_named_in_their_colour():
    spec = replace(spec_of("high-top"), color="red", second_color="white", pattern="plain")
    assert "white laces" in describe(spec, np.random.default_rng(0))[0]


def test_a_trim_that_is_not_there_is_not_named():
    spec = spec_of("pump")
    bare = replace(spec, shape={**spec.shape, "ankle_strap": 0.0, "bow": 0.0}, color="red", second_color="white")
    assert "second_color" not in attributes(bare)
    assert not any("white" in text for text in describe(replace(bare, pattern="plain"), np.random.default_rng(0)))


def test_short_text_leaves_the_shape_to_the_drawing():
    spec = replace(spec_of("ankle boot"), color="red", material="suede", pattern="plain")
    assert short_text(spec) == "red suede shoe"


def test_names_are_complete():
    assert set(COLORS) - {"warm light"} == set(COLOR_SYNONYMS)
    for kind in KINDS.values():
        assert {*kind.materials, *kind.second_materials} <= set(MATERIALS)
        assert set(kind.patterns) <= set(PATTERN_WORDS)
        for color, material in kind.fixed.values():
            assert color in {*COLORS, "main", "second"}
            assert material in MATERIALS
