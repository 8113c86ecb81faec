"""Manifest rows of rendered objects: names of files, texts, facts. Nothing is drawn here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from stbir.synth.captions import Text, facts_of, write_texts
from stbir.synth.objects import IDLE_NUMBERS, KINDS
from stbir.synth.parts import PartItem
from stbir.synth.wording import attributes, describe
from stbir.synth.writing import Drawable, Job


class Twin(Drawable, Protocol):
    """An object that shares its shape with some and its dress with others."""

    @property
    def shape_group(self) -> str:
        """Objects of one group have the same shape and viewpoint."""

    @property
    def dress_group(self) -> str:
        """Objects of one group have the same colours and pattern."""


def first_row(item: Twin, job: Job) -> dict[str, Any]:
    """The manifest row of an object of the first families' data sets."""
    texts = describe(item.spec, np.random.default_rng([item.spec.seed, 31]))
    facts = attributes(item.spec) | {"shape_group": item.shape_group, "dress_group": item.dress_group}
    return {
        "id": item.id,
        "category": KINDS[item.spec.kind].family,
        "image": job.image(item),
        "text": texts[0],
        "texts": texts,
        "sketches": job.sketches(item),
        "attributes": facts,
        "source": "stbir-synth",
        "licence": "Apache-2.0",
    }


def part_texts(item: PartItem) -> list[Text]:
    """The texts of an item of a part, as its manifest has them."""
    return write_texts(item.spec, np.random.default_rng([item.spec.seed, 32]))


def part_attributes(item: PartItem, texts: Sequence[Text]) -> dict[str, Any]:
    """The `attributes` of an item's manifest row: facts, shape numbers, groups, and what each of its texts states."""
    facts = facts_of(item.spec) | {"shape_group": item.shape_group, "dress_group": item.dress_group}
    idle = IDLE_NUMBERS.get(item.spec.kind, ())
    numbers = {name: value for name, value in item.spec.shape.items() if name not in idle}
    facts |= {"numbers": numbers, "seen": item.is_seen, "background": item.spec.background.style}
    if item.near_group:
        facts |= {"near_group": item.near_group, "near_distance": item.near_distance}
    facts["states"] = [{"style": text.style, **{k: list(v) for k, v in text.states.items()}} for text in texts]
    return facts


def part_row(item: PartItem, job: Job) -> dict[str, Any]:
    """The manifest row of an object of a part."""
    texts = part_texts(item)
    row = {
        "id": item.id,
        "category": KINDS[item.spec.kind].family,
        "virtual_class": item.spec.kind,
        "image": job.image(item),
        "text": texts[0].words,
        "texts": [text.words for text in texts],
        "sketches": job.sketches(item),
        "attributes": part_attributes(item, texts),
        "source": "stbir-synth",
        "licence": "Apache-2.0",
    }
    return row | ({"split": item.split} if item.split else {})
