"""Karpathy's splits of COCO, Flickr30k and Flickr8k: `dataset_{coco,flickr30k,flickr8k}.json`.

An object with `images`: each has `filename`, for COCO `filepath` (its folder), `split` (train, restval, val, test) and
`sentences` with `raw` texts. Pictures are found by the end of their path, wherever they were unpacked. There are no
drawings: such a set serves texts, distractors and training.

Layout: Karpathy and Fei-Fei, Deep Visual-Semantic Alignments, CVPR 2015 (caption_datasets.zip).
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from stbir.datasets.formats.format import Format
from stbir.datasets.reading import Reading
from stbir.datasets.tree import Tree, base, joined

PUBLISHED = {
    "coco": {"train": 82_783, "restval": 30_504, "val": 5_000, "test": 5_000},
    "flickr30k": {"train": 29_000, "val": 1_014, "test": 1_000},
    "flickr8k": {"train": 6_000, "val": 1_000, "test": 1_000},
}

_NAME = re.compile(r"dataset_(\w+)\.json")


def read_karpathy(reading: Reading) -> None:
    """Read the pictures of every list; `restval` is training data by the authors' use and keeps its name."""
    for name in reading.lists(_lists(reading.tree)):
        data = reading.json(name)
        images = data.get("images") if isinstance(data, dict) else None
        if not isinstance(images, list):
            if data is not None:
                reading.error("format", name, "expected an object with a list of images")
            continue
        counts: Counter[Any] = Counter()
        for number, image in enumerate(images):
            _add(reading, f"{name}:images[{number}]", image)
            counts[image.get("split") if isinstance(image, dict) else None] += 1
        match = _NAME.fullmatch(base(name))
        for split, published in PUBLISHED.get(match[1] if match else "", {}).items():
            reading.expect(f"pictures of the split {split} in {base(name)}", counts[split], published)


def _add(reading: Reading, place: str, image: Any) -> None:
    if not isinstance(image, dict) or not isinstance(image.get("filename"), str):
        reading.error("format", place, "expected an object with filename, split and sentences")
        return
    sentences = image.get("sentences")
    raw = [s.get("raw") if isinstance(s, dict) else None for s in sentences] if isinstance(sentences, list) else []
    texts = [text for text in raw if isinstance(text, str)]
    if not texts or len(texts) < len(raw):
        reading.flaw("format", f"{place}.sentences", "expected a list of objects with a raw text")
    folder = image.get("filepath")
    path = joined(folder if isinstance(folder, str) else "", image["filename"])
    known = {name: image[name] for name in ("cocoid", "imgid") if isinstance(image.get(name), int)}
    reading.row(
        place,
        id=path,
        image=reading.tree.locate(path),
        texts=[" ".join(text.split()) for text in texts],
        split=image.get("split"),
        attributes=known,
    )


def _lists(tree: Tree) -> list[str]:
    return [name for name in tree.names if _NAME.fullmatch(base(name))]


KARPATHY = Format(
    title="Karpathy splits of COCO and Flickr (dataset_*.json)",
    fits=lambda tree: bool(_lists(tree)),
    read=read_karpathy,
)
