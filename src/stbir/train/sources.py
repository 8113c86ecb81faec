"""What a training corpus is made of: rows with photos from many data sets, their categories and texts.

Also the places of things that are no rows: doodles of categories, and the pretrained weights.
"""

from __future__ import annotations

import json
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stbir.datasets import Dataset, Row, open_dataset
from stbir.datasets.readers import article_number, data_folder
from stbir.errors import ConfigError, DatasetError
from stbir.train.corpus import Photo
from stbir.train.recipe import CorpusRecipe, SetSettings

_VAGUE = frozenset({"emoji", "shoe or bag", "not sure", "other", "skip"})
_SAME_CATEGORY = {
    "car (sedan)": "car",
    "motorcycle": "motorbike",
    "hotdog": "hot dog",
    "hot-air balloon": "hot air balloon",
    "racket": "tennis racquet",
    "teddy bear": "teddy-bear",
    "crocodilian": "crocodile",
    "shoes": "shoe",
    "handbags": "handbag",
    "chairs": "chair",
    "bags": "bag",
    "mugs": "mug",
    "lamps": "lamp",
}
PAIRED = ("qmul-v1-sketch-edge", "chairv2-sketches")
MAX_WEIGHT_BYTES = 4_000_000_000
HAND_DRAWN = frozenset({"sketchy-125", "qmul-v1-sketch-edge"})
_DRAWN_ONLY = (*PAIRED, "quickdraw-10k")


@dataclass(frozen=True)
class Source:
    """A row of the corpus and where its files are."""

    dataset: Dataset
    row: Row
    settings: SetSettings
    photo: Photo


def category_name(name: str | None) -> str | None:
    """The corpus' word for a category of any data set: lower case, one word for one thing, None for a vague one."""
    if name is None:
        return None
    plain = name.replace("_", " ").strip().lower()
    plain = _SAME_CATEGORY.get(plain, plain)
    return None if not plain or plain in _VAGUE else plain


def read_sources(recipe: CorpusRecipe) -> tuple[list[Source], list[str]]:
    """Read the rows with a photo, and collect their texts.

    Returns:
        The sources, and the texts that their `text_ids` point into.
    """
    texts: dict[str, int] = {}
    sources: list[Source] = []
    asked = benchmark_articles()
    for settings in recipe.data.sets:
        if Path(settings.name).stem in _DRAWN_ONLY and not settings.edge_maps:
            continue
        dataset = open_dataset(settings.name)
        rng = np.random.default_rng([recipe.corpus_seed, len(sources)])
        for row in dataset.rows:
            if row.image is None or rng.random() >= settings.share:
                continue
            is_asked = dataset.name == "ikea-products" and article_number(row.id) in asked
            split = "held out" if is_asked or row.split in settings.held_out else row.split
            split = "val" if split == "validation" else split
            ids = tuple(texts.setdefault(text, len(texts)) for text in _texts(row))
            groups = (row.attributes.get(f"{what}_group") for what in ("shape", "dress"))
            photo = Photo(
                dataset.name,
                row.id,
                category_name(row.category),
                split,
                ids,
                bool(row.all_texts),
                row.virtual_class,
                *(f"{dataset.name}/{group}" if group else None for group in groups),
            )
            sources.append(Source(dataset, row, settings, photo))
    return sources, list(texts)


def benchmark_articles() -> frozenset[str]:
    """Articles of the chairs that a benchmark asks for; their photos lie in `ikea-products` too, held out."""
    try:
        rows = open_dataset("chairv2-sketches").rows
    except DatasetError:
        return frozenset()
    return frozenset(article_number(row.id) for row in rows if row.image and row.split != "gallery")


def _texts(row: Row) -> list[str]:
    """What is said about a photo: its texts, else a long one kept aside, else its category."""
    known = [
        *row.all_texts,
        *(str(row.attributes[k]) for k in ("text_long", "catalogue_text") if row.attributes.get(k)),
    ]
    kept = list(dict.fromkeys(text for text in known if text.strip()))
    category = category_name(row.category)
    return kept or ([category] if category else [])


def doodle_categories(recipe: CorpusRecipe) -> list[str]:
    """Categories that only doodles may show."""
    names = (category_name(fields["category"]) for fields in doodle_lines(recipe))
    return sorted({name for name in names if name})


def doodle_lines(recipe: CorpusRecipe) -> Iterator[dict[str, Any]]:
    """Rows of Quick, Draw! style data sets of the recipe."""
    for settings in recipe.data.sets:
        if settings.name == "quickdraw-10k":
            path = data_folder() / "quickdraw-10k.zip"
            try:
                with zipfile.ZipFile(path) as archive:
                    lines = archive.read("drawings.jsonl").splitlines()
            except (OSError, KeyError, zipfile.BadZipFile) as error:
                raise ConfigError(f"{path}: cannot read drawings.jsonl ({error}); set STBIR_DATA") from None
            yield from (json.loads(line) for line in lines)


@contextmanager
def weights_folder(name: str) -> Iterator[Path]:
    """The folder of the pretrained weights; a zip is unpacked for as long as it is needed.

    Raises:
        ConfigError: No such folder or zip.
    """
    for path in (Path(name), data_folder() / name, data_folder() / f"{name}.zip"):
        if path.is_dir():
            yield path
            return
        if path.is_file():
            with tempfile.TemporaryDirectory() as target:
                _unpack(path, Path(target))
                yield Path(target)
            return
    raise ConfigError(
        f"no pretrained weights: neither {name!r} nor {data_folder() / name}(.zip) is there; "
        "name the folder or zip in weights.root, or set STBIR_DATA to the folder that holds it"
    )


def _unpack(path: Path, target: Path) -> None:
    """Unpack a zip of weights within limits; names that leave the target are cut by zipfile itself."""
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
            if size > MAX_WEIGHT_BYTES:
                raise ConfigError(f"{path}: {size / 1e9:.1f} GB unpacked, more than {MAX_WEIGHT_BYTES / 1e9:.0f} GB")
            archive.extractall(target)
    except (OSError, zipfile.BadZipFile) as error:
        raise ConfigError(f"{path}: not a readable zip ({error}); copy it again") from None
