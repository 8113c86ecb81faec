"""Queries to begin with, for visitors who have never drawn one."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

from stbir.web.rows import Rows
from stbir.web.schemas import ExampleOut, ExamplesOut

FILE = Path(__file__).parent / "examples.json"


async def examples_for(rows: Rows) -> ExamplesOut:
    """The examples that suit a gallery.

    Args:
        rows: The gallery's rows.

    Returns:
        Where the gallery holds the sample pictures, drawings of exactly those; elsewhere the same drawings with a word
        for the kind of thing, which find what is nearest.
    """
    examples = _load()
    found = [await rows.get(each["target"]) for each in examples]
    is_sample = all(picture is not None for picture in found)
    return ExamplesOut(examples=[_example(each, is_sample) for each in examples])


def _example(fields: dict[str, Any], is_sample: bool) -> ExampleOut:
    words = fields if is_sample else fields["general"]
    return ExampleOut(title=words["title"], strokes=fields["strokes"], size=fields["size"], text=words["text"])


@functools.cache
def _load() -> list[dict[str, Any]]:
    """The shipped examples; `target` is the id of the sample picture that is meant."""
    examples: list[dict[str, Any]] = json.loads(FILE.read_text(encoding="utf-8"))
    return examples
