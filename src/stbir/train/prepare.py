"""Prepare a training corpus: decode every photo once, run the frozen stems once, trace every drawing once.

Each step writes one file of the corpus' folder and is skipped where the file is there, so an interrupted preparation
goes on where it stopped. The folder's name carries a hash of what went in.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageEnhance
from tokenizers import Tokenizer
from tqdm import tqdm

from stbir.errors import ConfigError
from stbir.images import letterbox
from stbir.train.backbones import MiniLM, MobileNetV2
from stbir.train.corpus import Corpus
from stbir.train.gather import all_drawings, run_teacher
from stbir.train.pretrained import minilm_directory
from stbir.train.pseudo import trace_pseudo
from stbir.train.recipe import CorpusRecipe, Recipe
from stbir.train.sketches import pack
from stbir.train.sources import Source, doodle_categories, read_sources
from stbir.train.towers import TEXT_STEM_LAYERS, ImageTower

CORPUS_VERSION = 2


def corpus_folder(recipe: CorpusRecipe) -> Path:
    """Where this recipe's corpus lies: a name that changes with the data settings, the sizes and the seed."""
    relevant = {
        "data": recipe.data.model_dump(mode="json", exclude={"cache", "seed"}),
        "weights": recipe.weights.model_dump(mode="json"),
        "sizes": [
            recipe.model.image_px,
            recipe.model.max_tokens,
            recipe.model.text_layers,
            MobileNetV2.stem_blocks,
            TEXT_STEM_LAYERS,
        ],
        "version": CORPUS_VERSION,
        "seed": recipe.corpus_seed,
    }
    digest = hashlib.sha256(json.dumps(relevant, sort_keys=True).encode()).hexdigest()
    return recipe.data.cache / digest[:12]


def prepare_corpus(recipe: Recipe, mobilenet: MobileNetV2, minilm: MiniLM, weights: Path) -> Path:
    """Prepare everything that is not there yet.

    Args:
        recipe: What to prepare.
        mobilenet: The picture tower's pretrained backbone; its stem is run over all photos.
        minilm: The text tower's pretrained backbone.
        weights: Folder of the pretrained weights.

    Returns:
        The corpus' folder.
    """
    folder = prepare_items(recipe, weights)
    for view in range(recipe.data.num_views):
        _once(folder / f"stem{view}.npy", partial(_run_stem, folder, mobilenet, view, recipe.corpus_seed))
    texts = Corpus(folder).texts
    _once(folder / "text_hidden.npy", lambda path: _run_texts(folder, minilm, texts, recipe.model.max_tokens, path))
    doodlenet = weights / recipe.weights.doodlenet
    _once(folder / "teacher_logits.npy", lambda path: run_teacher(folder, doodlenet, path))
    return folder


def prepare_items(recipe: CorpusRecipe, weights: Path | None) -> Path:
    """Prepare what no tower is needed for: decoded photos, texts, drawings.

    Args:
        recipe: What to prepare.
        weights: Folder of the pretrained weights with the edge detector; None where no pseudo-drawings are wanted.

    Returns:
        The corpus' folder.
    """
    folder = corpus_folder(recipe)
    folder.mkdir(parents=True, exist_ok=True)
    sources, texts = read_sources(recipe)
    names = sorted({s.photo.category for s in sources if s.photo.category} | set(doodle_categories(recipe)) | {"chair"})
    known = dict.fromkeys(texts)
    texts = [*texts, *(name for name in names if name not in known)]
    _once(folder / "photos.npy", lambda path: _decode(sources, recipe.model.image_px, path))
    fields = {
        "texts": texts,
        "photos": [asdict(s.photo) for s in sources],
        "num_views": recipe.data.num_views,
        "drawings": _drawings_hash(sources),
    }
    description = folder / "corpus.json"
    _once(description, lambda path: path.write_text(json.dumps(fields)))
    if json.loads(description.read_text()) != json.loads(json.dumps(fields)):
        raise ConfigError(f"{folder}: the data sets have changed since this corpus was prepared; delete the folder")
    corpus = Corpus(folder)
    place = {text: index for index, text in enumerate(corpus.texts)}
    categories = {name: place[name] for name in names}
    detector = None if weights is None else weights / recipe.weights.pidinet
    _once(folder / "pseudo.npz", lambda path: trace_pseudo(folder, sources, detector, path))
    _once(
        folder / "sketches.npz",
        lambda path: pack(list(all_drawings(recipe, sources, folder)), corpus, categories, path),
    )
    return folder


def write_picture_maps(folder: Path, corpus: Corpus, image: ImageTower) -> None:
    """Run the trained picture blocks over all cached stems and keep what stage `drawings` reads."""
    device = next(image.parameters()).device
    for view, cached in enumerate(corpus.views):
        shape = (len(corpus.photos), 320, cached.stem.shape[2] // 2, cached.stem.shape[3] // 2)
        partial_path = folder / f"partial-last{view}.npy"
        last = np.lib.format.open_memmap(partial_path, "w+", np.float16, shape)
        pooled = np.zeros((len(corpus.photos), image.backbone.feature_dim), np.float16)
        for rows in tqdm(_blocks(len(corpus.photos), 64), desc=f"picture maps {view}", unit="batch"):
            with torch.inference_mode():
                maps, means = image.middle(torch.from_numpy(cached.stem[rows]).float().to(device))
            last[rows], pooled[rows] = maps.half().cpu().numpy(), means.half().cpu().numpy()
        last.flush()
        partial_path.replace(folder / f"last{view}.npy")
        _once(folder / f"pooled{view}.npy", partial(np.save, arr=pooled))


def _once(path: Path, make: Callable[[Path], Any]) -> None:
    """Make a file unless it is there; an interrupted attempt leaves nothing under the final name."""
    if path.exists():
        return
    partial = path.with_name(f"partial-{path.name}")
    make(partial)
    partial.replace(path)


def _drawings_hash(sources: list[Source]) -> str:
    """SHA-256 of all drawings: a set that was drawn anew has the same rows and texts."""
    digest = hashlib.sha256()
    for source in sources:
        for position in range(len(source.row.sketches)):
            digest.update(source.dataset.sketch_hash(source.row, position).encode())
    return digest.hexdigest()


def _blocks(count: int, size: int) -> list[slice]:
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]


def _decode(sources: list[Source], size_px: int, path: Path) -> None:
    photos = np.lib.format.open_memmap(path, "w+", np.uint8, (len(sources), size_px, size_px, 3))
    with ProcessPoolExecutor() as pool:
        jobs = pool.map(_decode_one, sources, [size_px] * len(sources), chunksize=64)
        for index, pixels in enumerate(tqdm(jobs, total=len(sources), desc="decode", unit="photo")):
            photos[index] = pixels
    photos.flush()


def _decode_one(source: Source, size_px: int) -> NDArray[np.uint8]:
    return letterbox(source.dataset.picture(source.row, max_side_px=2 * size_px), size_px)


def _run_stem(folder: Path, network: MobileNetV2, view: int, seed: int, path: Path) -> None:
    """Write a view's stems to `path` and its shrunken pictures beside it."""
    photos = np.load(folder / "photos.npy", mmap_mode="r")
    side = photos.shape[1]
    shape = (len(photos), network.stem_channels, side // 16, side // 16)
    stems = np.lib.format.open_memmap(path, "w+", np.float16, shape)
    small = np.zeros((len(photos), side // 8, side // 8, 3), np.uint8)
    network.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    for rows in tqdm(_blocks(len(photos), 64), desc=f"stems of view {view}", unit="batch"):
        pixels = np.array(photos[rows])
        if view:
            pixels = np.stack([_vary(p, view, seed, rows.start + i) for i, p in enumerate(pixels)])
        batch = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1.0
        with torch.inference_mode():
            stem = network.stem(batch.contiguous(memory_format=torch.channels_last), network.stem_blocks)
        stems[rows] = stem.half().numpy()
        blocks = pixels.reshape(len(pixels), side // 8, 8, side // 8, 8, 3)
        small[rows] = blocks.mean((2, 4)).round().astype(np.uint8)
    stems.flush()
    np.save(folder / f"small{view}.npy", small)


def _vary(pixels: NDArray[np.uint8], view: int, seed: int, index: int) -> NDArray[np.uint8]:
    """Another view of a photo: mirrored if `view` is odd, a crop of 80..100 %, light a little changed."""
    rng = np.random.default_rng([seed, 3, view, index])
    side = pixels.shape[0]
    kept = round(side * rng.uniform(0.8, 1.0))
    top, left = rng.integers(0, side - kept + 1, 2)
    picture = Image.fromarray(pixels[top : top + kept, left : left + kept, :][:, :: -1 if view % 2 else 1])
    picture = picture.resize((side, side), Image.Resampling.BILINEAR)
    picture = ImageEnhance.Brightness(picture).enhance(rng.uniform(0.85, 1.15))
    picture = ImageEnhance.Contrast(picture).enhance(rng.uniform(0.85, 1.15))
    return np.asarray(picture)


def _run_texts(folder: Path, network: MiniLM, texts: Sequence[str], max_tokens: int, path: Path) -> None:
    """Write the frozen layers' hidden states to `path`; offsets and whole-network vectors beside it."""
    tokenizer = Tokenizer.from_file(str(minilm_directory() / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_tokens)
    ids = [encoding.ids for encoding in tokenizer.encode_batch(list(texts))]
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in ids])])
    hidden = np.zeros((int(offsets[-1]), network.dim), np.float16)
    pooled = np.zeros((len(texts), network.dim), np.float32)
    order = np.argsort([len(row) for row in ids], kind="stable")
    for block in tqdm(_blocks(len(texts), 128), desc="texts", unit="batch"):
        chosen = order[block]
        length = max(len(ids[row]) for row in chosen)
        tokens = torch.zeros(len(chosen), length, dtype=torch.long)
        mask = torch.zeros_like(tokens)
        for place, row in enumerate(chosen):
            tokens[place, : len(ids[row])] = torch.tensor(ids[row])
            mask[place, : len(ids[row])] = 1
        with torch.inference_mode():
            states = network.stem(tokens, mask, TEXT_STEM_LAYERS)
            pooled[chosen] = network.top(states, mask, TEXT_STEM_LAYERS).numpy()
        for place, row in enumerate(chosen):
            hidden[offsets[row] : offsets[row + 1]] = states[place, : len(ids[row])].half().numpy()
    np.save(folder / "text_offsets.npy", offsets)
    np.save(folder / "text_pooled.npy", pooled)
    with path.open("wb") as file:
        np.save(file, hidden)
