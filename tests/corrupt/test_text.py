"""Noises of words."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stbir.corrupt import vocabulary
from stbir.corrupt.phrases import KINDS, NEAR, all_words, clauses, contradicts, near_families, statements
from stbir.corrupt.text import (
    TEXT_NOISES,
    attribute_dropout,
    mixed_text,
    paraphrase,
    synonyms,
    typos,
    wrong_attribute,
    wrong_text,
)
from stbir.errors import ConfigError
from stbir.synth.palette import COLORS, linear_rgb

ALL = {**TEXT_NOISES, "mixed": mixed_text, "wrong_text": lambda t, rng, s: wrong_text(t, rng, s, TEXTS)}
NAMES = sorted(ALL)
TEXTS = (
    "black suede ankle boot, laces",
    "white airplane, blue sky, green bridge girders",
    "Children's light softwood easel with a black chalkboard showing a chalk flower and a small tray.",
    "dark brown velvet cushion, black wood frame",
    "red and white striped canvas high-top",
    "navy leather loafer, tassel",
    "glass bottle",
    "polka dot umbrella, wooden handle",
)
seeds = st.integers(0, 2**32 - 1)


def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def words(text: str) -> list[str]:
    return re.findall(r"[\w'-]+", text.lower())


@pytest.mark.parametrize("name", NAMES)
@given(text=st.text(max_size=60), seed=seeds, severity=st.floats(0, 5))
@settings(max_examples=60, deadline=None)
def test_any_text_stays_a_text(name, text, seed, severity):
    noisy = ALL[name](text, rng(seed), severity)
    assert isinstance(noisy, str)
    assert noisy == ALL[name](text, rng(seed), severity)
    assert len(noisy) < 8 * len(text) + 120
    assert ALL[name](text, rng(seed), 0) is text


@pytest.mark.parametrize("name", NAMES)
def test_more_severity_changes_more(name):
    def change(severity: float) -> float:
        distances = []
        for text in TEXTS:
            for seed in range(40):
                noisy = ALL[name](text, rng(seed), severity)
                distances.append(noisy != text if name not in ("typos", "mixed", "synonyms") else distance(text, noisy))
        return float(np.mean(distances))

    changes = [change(severity) for severity in (0, 1, 2, 3.5, 5)]
    assert changes[0] == 0
    later_steps = itertools.pairwise(changes[:3] if name in ("attribute_dropout", "paraphrase") else changes)
    assert all(later > earlier for earlier, later in later_steps), changes


def distance(one: str, other: str) -> float:
    first, second = set(words(one)), set(words(other))
    return 1 - len(first & second) / max(1, len(first | second))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("severity", [-1, 6, float("nan")])
def test_severity_out_of_range(name, severity):
    with pytest.raises(ConfigError, match="severity"):
        ALL[name](TEXTS[0], rng(0), severity)


@pytest.mark.parametrize("name", ["attribute_dropout", "no_words", "typos", "wrong_attribute"])
@given(seed=seeds)
@settings(max_examples=30, deadline=None)
def test_a_higher_severity_changes_more_of_the_same(name, seed):
    """What one severity took away or changed stays so at the next."""
    text = TEXTS[1]
    kept = [set(words(ALL[name](text, rng(seed), s))) & set(words(text)) for s in (1, 2, 3, 4, 5)]
    assert all(after <= before for before, after in itertools.pairwise(kept))


# Dropout


def test_dropout_takes_all_attributes_and_keeps_the_name():
    expected = ["ankle boot", "airplane", "easel", "cushion", "high-top", "loafer", "bottle", "umbrella"]
    for text, name in zip(TEXTS, expected, strict=True):
        left = attribute_dropout(text, rng(0), 5)
        assert words(left)[-1] == name.split()[-1] or left == "Children's easel", left
        assert not {word for s in statements(text) for word in words(text[s.start : s.stop])} & set(words(left))


@given(seed=seeds, severity=st.floats(0.5, 5), text=st.sampled_from(TEXTS))
@settings(max_examples=200, deadline=None)
def test_dropout_leaves_no_loose_ends(seed, severity, text):
    left = attribute_dropout(text, rng(seed), severity)
    assert left
    assert left == left.strip(" ,")
    assert not re.search(r"\band\b\s*(?:$|,)|^and\b|,\s*,|\s{2}|\s,", left), left
    assert set(words(left)) <= set(words(text))


def test_dropout_keeps_the_last_word_where_all_are_attributes():
    for seed in range(20):
        assert words(attribute_dropout("black leather", rng(seed), 5)) == ["leather"]


# Typos


def test_typos_change_half_of_the_words_at_most_and_little_in_each():
    for seed in range(30):
        noisy = typos(TEXTS[1], rng(seed), 5)
        before, after = TEXTS[1].split(), noisy.split()
        wrong = [(one, other) for one, other in zip(before, after, strict=True) if one != other]
        assert 3 <= len(wrong) <= 4
        assert all(abs(len(one) - len(other)) <= 1 and one[0] in other[:2] for one, other in wrong)


def test_typos_leave_short_words_alone():
    assert typos("a to be or, 10 cm", rng(0), 5) == "a to be or, 10 cm"


# Synonyms and paraphrase


def test_synonyms_mean_the_same():
    for text in TEXTS:
        for seed in range(10):
            noisy = synonyms(text, rng(seed), 5)
            assert noisy != text
            assert colours_of(noisy) <= {near for c in colours_of(text) for near in {c, *near_families("color", c)}}


@given(seed=seeds, severity=st.floats(0.5, 5), text=st.sampled_from(TEXTS))
@settings(max_examples=100, deadline=None)
def test_synonyms_change_whole_words_only(seed, severity, text):
    known = {word for line in vocabulary.SYNONYMS for word in words(line)}
    known |= {f"{word}s" for word in known} | set(words(text))
    assert set(words(synonyms(text, rng(seed), severity))) <= known | {"a", "an"}


def colours_of(text: str) -> set[str]:
    return {family for s in statements(text) if s.kind == "color" for family in s.families}


def test_every_synonym_line_says_something_else():
    for line in vocabulary.SYNONYMS:
        group = re.split(r" [=|] ", line)
        assert len(group) == len(set(group)) >= 2, line


def test_synonyms_of_plurals_are_plural():
    assert synonyms("two knives, boxes, sneakers", rng(0), 5) != "two knives, boxes, sneakers"
    assert {synonyms("sneakers", rng(seed), 5) for seed in range(30)} == {"trainers", "running shoes"}


def test_paraphrase_keeps_the_words_that_carry_meaning():
    for text in TEXTS:
        for seed, severity in itertools.product(range(10), (1, 3, 5)):
            noisy = paraphrase(text, rng(seed), severity)
            kept = set(words(text)) - vocabulary.FUNCTION_WORDS
            assert kept <= set(words(noisy)), (text, noisy)


def test_paraphrase_makes_sentences_of_lists_and_lists_of_sentences():
    assert all(re.search(r"with|has|in black suede", paraphrase(TEXTS[0], rng(seed), 5)) for seed in range(10))
    lists = [paraphrase(TEXTS[2], rng(seed), 1.25) for seed in range(30)]
    assert any(words(text)[:3] == ["children's", "light", "softwood"] and "the" not in words(text) for text in lists)


# Wrong attribute


@given(seed=seeds, text=st.sampled_from(TEXTS))
@settings(max_examples=150, deadline=None)
def test_wrong_attribute_contradicts_exactly_one_statement(seed, text):
    noisy = wrong_attribute(text, rng(seed), 5)
    before, after = statements(text), statements(noisy)
    assert len(before) == len(after)
    wrong = [(one, other) for one, other in zip(before, after, strict=True) if one.families != other.families]
    assert len(wrong) == 1
    ((one, other),) = wrong
    assert one.kind == other.kind
    assert all(contradicts(one.kind, one.families, family) for family in other.families)


def test_wrong_attribute_happens_as_often_as_the_severity_says():
    for severity in (1, 2.5, 4):
        changed = np.mean([wrong_attribute(TEXTS[0], rng(seed), severity) != TEXTS[0] for seed in range(1500)])
        assert changed == pytest.approx(severity / 5, abs=0.05)


def test_wrong_attribute_prefers_colours():
    changed = [statements(wrong_attribute(TEXTS[0], rng(seed), 5))[0].families != {"black"} for seed in range(600)]
    assert np.mean(changed) == pytest.approx(0.85, abs=0.05)


def test_wrong_attribute_puts_the_right_article():
    found = {wrong_attribute("a blue cup", rng(seed), 5) for seed in range(60)}
    assert "an orange cup" in found
    assert "a orange cup" not in found
    assert not found & {"a blue cup", "a purple cup", "a black cup"}


@pytest.mark.parametrize("text", ["", "jack-o-lantern", "réveil", "木の椅子", "cat"])
def test_wrong_attribute_finds_nothing_to_contradict(text):
    assert wrong_attribute(text, rng(0), 5) == text


@pytest.mark.parametrize(
    ("stated", "never"),
    [
        ("navy", {"blue", "black", "purple"}),
        ("cream", {"white", "yellow", "beige"}),
        ("tan", {"brown", "beige", "orange"}),
        ("grey", {"black", "white", "blue"}),
        ("black-brown", {"black", "brown", "grey"}),
        ("turquoise", {"blue", "green"}),
        ("burgundy", {"red", "purple", "brown"}),
        ("light blue", {"blue", "purple"}),
    ],
)
def test_near_colours_never_count_as_wrong(stated, never):
    found = {wrong_attribute(f"{stated} shoe", rng(seed), 5).removesuffix(" shoe") for seed in range(200)}
    assert len(found) >= 2
    assert not found & (never | {stated})


def test_contradicting_colours_are_far_apart_on_a_screen():
    """The families against the renderer's colour values: a wrong colour lies visibly apart from the stated one."""
    values = {name: np.array(linear_rgb(name)) ** (1 / 2.4) for name in COLORS}
    families = {
        name: statements(name)[0].families
        for name in COLORS
        if statements(name)[:1] and statements(name)[0].kind == "color"
    }
    assert len(families) > 20
    for stated, wrong in itertools.product(families, vocabulary.PLAIN_COLORS):
        if contradicts("color", families[stated], wrong):
            assert np.linalg.norm(values[stated] - values[wrong]) > 0.15, (stated, wrong)


@pytest.mark.parametrize("kind", KINDS)
def test_families_are_complete(kind):
    families = {"color": vocabulary.COLORS, "material": vocabulary.MATERIALS, "pattern": vocabulary.PATTERNS}[kind]
    assert set(NEAR[kind]) == set(families)
    assert {near for all_near in NEAR[kind].values() for near in all_near} <= set(families)
    for family in families:
        for word in all_words(kind, family):
            assert [(s.kind, s.families) for s in statements(word)] == [(kind, {family})], word


def test_statements_and_clauses():
    found = statements("Light-blue and navy STRIPED 3-spots shirt, golden brown wood; polka dots")
    assert [(s.kind, sorted(s.families)) for s in found] == [
        ("color", ["blue"]),
        ("color", ["blue"]),
        ("pattern", ["stripes"]),
        ("color", ["brown", "gold"]),
        ("material", ["wood"]),
        ("pattern", ["dots"]),
    ]
    text = "black boot with laces, low heel"
    assert [text[a:b] for a, b in clauses(text)] == ["black boot", "with laces", "low heel"]


# Wrong text


def test_wrong_text_takes_another_one_from_the_pool():
    found = {wrong_text(TEXTS[0], rng(seed), 5, TEXTS) for seed in range(100)}
    assert found == set(TEXTS[1:])
    assert wrong_text(TEXTS[0], rng(0), 5, ()) == TEXTS[0]
    assert wrong_text(TEXTS[0], rng(0), 5, (TEXTS[0], " ", TEXTS[0].upper())) == TEXTS[0]
    assert wrong_text(TEXTS[0], rng(0), 5, (*[TEXTS[0]] * 500, "mug")) == "mug"


def test_very_long_texts_pass_quickly():
    text = "black " * 20_000
    for name in NAMES:
        assert isinstance(ALL[name](text, rng(0), 5), str)
