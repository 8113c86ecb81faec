"""Texts that know what they state: never wrong, never silent about a word they use."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from stbir.synth import FAMILIES, KINDS, plan_part, sample_spec, write_texts
from stbir.synth.captions import STYLES, Text, facts_of
from stbir.synth.naming import BASIC_COLORS, COLOR_WORDS, GENERIC_NOUNS, MATERIAL_WORDS, NOUN_WORDS, basic_color
from stbir.synth.palette import COLOR_SYNONYMS, MATERIALS


@pytest.mark.parametrize("kind", KINDS)
def test_every_text_fits_its_object_and_reads_well(kind):
    for seed in range(8):
        spec = sample_spec(np.random.default_rng([seed, 5]), kind)
        spec = replace(spec, wear=0.8 if seed % 2 else 0.0)
        texts = write_texts(spec, np.random.default_rng(seed))
        assert 4 <= len(texts) <= len(STYLES)
        for text in texts:
            assert text.fits(facts_of(spec)), text
            assert {"color", "kind"} <= set(text.states)
            assert "{" not in text.words
            assert "  " not in text.words
            assert text.words == text.words.strip(" ,")
            words = text.words.split()
            assert all(a != b for a, b in pairwise(words)), text.words


def test_what_is_stated_is_said_and_what_is_said_is_stated():
    for item in plan_part("D", 160, 2):
        for text in write_texts(item.spec, np.random.default_rng(item.number)):
            said = {word for word, colors in COLOR_WORDS.items() if word in text.words and item.spec.color in colors}
            assert said, text.words
            if "shape" in text.states:
                assert all(word.removeprefix("with ") in text.words for word in text.states["shape"]), text
            if "worn" in text.words.split():
                assert text.states["condition"] == ("worn",)
            if "second_part" in text.states:
                assert text.states["second_part"][0] in text.words
            assert ("pattern" in text.states) or item.spec.pattern == "plain" or "dotted" not in text.words


def test_the_first_text_tells_an_object_from_its_twins_of_one_shape():
    items = list(plan_part("S", 320, 2)) + list(plan_part("C", 320, 2)) + list(plan_part("D", 640, 2))
    twins: dict[str, list] = {}
    for item in items:
        twins.setdefault(item.shape_group, []).append(item)
    for group in twins.values():
        for item in group:
            text = write_texts(item.spec, np.random.default_rng(0))[0]
            assert sum(text.fits(facts_of(other.spec)) for other in group) == 1, text.words


def test_a_wide_word_states_all_it_can_mean():
    spec = replace(sample_spec(np.random.default_rng(3), "ankle boot"), color="burgundy", pattern="plain")
    vague = next(text for text in write_texts(spec, np.random.default_rng(1)) if text.style == "vague")
    assert vague.states["color"] == ("burgundy", "red")
    assert "sandal" not in vague.words
    assert {"ankle boot", "sneaker"} <= set(vague.states["kind"])
    assert vague.fits(facts_of(replace(spec, color="red")))
    assert not vague.fits(facts_of(replace(spec, color="navy")))


def test_of_a_shape_all_words_must_hold_of_the_rest_one():
    states = {"color": ("blue", "red"), "shape": ("high heel", "round toe")}
    text = Text("red or blue boot, high heel, round toe", "tags", states)
    assert text.fits({"color": "red", "shape": ["round toe", "high heel", "wide shaft"]})
    assert not text.fits({"color": "red", "shape": ["round toe"]})
    assert not text.fits({"color": "green", "shape": ["round toe", "high heel"]})
    assert not text.fits({"shape": ["round toe", "high heel"]})


def test_same_chance_same_words():
    spec = sample_spec(np.random.default_rng(3), "toy car")
    first, again, other = (write_texts(spec, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first == again
    assert first[1:] != other[1:]


def test_naming_tables_are_complete():
    assert {color for colors in BASIC_COLORS.values() for color in colors} == set(COLOR_SYNONYMS)
    for color in COLOR_SYNONYMS:
        assert color in COLOR_WORDS[basic_color(color)]
        assert all(color in COLOR_WORDS[word] for word in COLOR_SYNONYMS[color])
    for kind in KINDS.values():
        assert all(kind.name in NOUN_WORDS[noun] for noun in kind.nouns)
    assert set(GENERIC_NOUNS) == set(FAMILIES)
    for family, nouns in GENERIC_NOUNS.items():
        for noun in nouns:
            assert {kind.name for kind in FAMILIES[family]} <= set(NOUN_WORDS[noun])
    for name, material in MATERIALS.items():
        assert all(name in MATERIAL_WORDS[word] for word in material.words), name
