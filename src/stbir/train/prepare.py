"""Prepare a training corpus: decode every photo once, run the frozen stems once, trace every drawing once.

Each step writes one file of the corpus' folder and is skipped where the file is there, so an interrupted preparation
goes on where it stopped. The folder's name carries a hash of what went in.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter
from tokenizers import Tokenizer
from tqdm import tqdm

from stbir.datasets import Dataset, Row, open_dataset
from stbir.datasets.readers import data_folder
from stbir.errors import ConfigError, DatasetError
from stbir.images import letterbox
from stbir.strokes import Sketch, rasterize
from stbir.tracing import trace_mask
from stbir.train.backbones import MiniLM, MobileNetV2
from stbir.train.corpus import Corpus, Photo
from stbir.train.edges import load_pidinet
from stbir.train.pretrained import load_doodlenet, minilm_directory
from stbir.train.recipe import Recipe, SetSettings
from stbir.train.sketches import Drawing, SketchSet, pack
from stbir.train.towers import STEM_BLOCKS, STEM_CHANNELS, TEXT_STEM_LAYERS, ImageTower

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
_PAIRED = ("qmul-v1-sketch-edge", "chairv2-sketches")
_HAND_DRAWN = frozenset({"sketchy-125"})
_DRAWN_ONLY = (*_PAIRED, "quickdraw-10k")


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


def corpus_folder(recipe: Recipe) -> Path:
    """Where this recipe's corpus lies: a name that changes with the data settings, the sizes and the seed."""
    relevant = {
        "data": recipe.data.model_dump(mode="json", exclude={"cache"}),
        "weights": recipe.weights.model_dump(mode="json"),
        "sizes": [recipe.model.image_px, recipe.model.max_tokens, STEM_BLOCKS, TEXT_STEM_LAYERS],
        "seed": recipe.seed,
    }
    digest = hashlib.sha256(json.dumps(relevant, sort_keys=True).encode()).hexdigest()
    return recipe.data.cache / digest[:12]


def read_sources(recipe: Recipe) -> tuple[list[Source], list[str]]:
    """Read the rows with a photo, and collect their texts.

    Returns:
        The sources, and the texts that their `text_ids` point into.
    """
    texts: dict[str, int] = {}
    sources: list[Source] = []
    for settings in recipe.data.sets:
        if Path(settings.name).stem in _DRAWN_ONLY:
            continue
        dataset = open_dataset(settings.name)
        rng = np.random.default_rng([recipe.seed, len(sources)])
        for row in dataset.rows:
            if row.image is None or rng.random() >= settings.share:
                continue
            split = "held out" if row.split in settings.held_out else row.split
            split = "val" if split == "validation" else split
            ids = tuple(texts.setdefault(text, len(texts)) for text in _texts(row))
            photo = Photo(dataset.name, row.id, category_name(row.category), split, ids)
            sources.append(Source(dataset, row, settings, photo))
    return sources, list(texts)


def _texts(row: Row) -> list[str]:
    """What is said about a photo: its texts, else a long one kept aside, else its category."""
    known = [
        *row.all_texts,
        *(str(row.attributes[k]) for k in ("text_long", "catalogue_text") if row.attributes.get(k)),
    ]
    kept = list(dict.fromkeys(text for text in known if text.strip()))
    category = category_name(row.category)
    return kept or ([category] if category else [])


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
    folder = corpus_folder(recipe)
    folder.mkdir(parents=True, exist_ok=True)
    sources, texts = read_sources(recipe)
    names = sorted(
        {s.photo.category for s in sources if s.photo.category} | set(_doodle_categories(recipe)) | {"chair"}
    )
    known = dict.fromkeys(texts)
    texts = [*texts, *(name for name in names if name not in known)]
    _once(folder / "photos.npy", lambda path: _decode(sources, recipe.model.image_px, path))
    for view in range(recipe.data.num_views):
        _once(folder / f"stem{view}.npy", partial(_run_stem, folder, mobilenet, view, recipe.seed))
    _once(folder / "text_hidden.npy", lambda path: _run_texts(folder, minilm, texts, recipe.model.max_tokens, path))
    fields = {"texts": texts, "photos": [asdict(s.photo) for s in sources], "num_views": recipe.data.num_views}
    _once(folder / "corpus.json", lambda path: path.write_text(json.dumps(fields)))
    corpus = Corpus(folder)
    place = {text: index for index, text in enumerate(corpus.texts)}
    categories = {name: place[name] for name in names}
    _once(folder / "pseudo.npz", lambda path: _trace_pseudo(folder, sources, weights / recipe.weights.pidinet, path))
    _once(
        folder / "sketches.npz",
        lambda path: pack(list(_all_drawings(recipe, sources, folder)), corpus, categories, path),
    )
    doodlenet = weights / recipe.weights.doodlenet
    _once(folder / "teacher_logits.npy", lambda path: _run_teacher(folder, doodlenet, path))
    return folder


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
            with tempfile.TemporaryDirectory() as target, zipfile.ZipFile(path) as archive:
                archive.extractall(target)
                yield Path(target)
            return
    raise ConfigError(f"no pretrained weights at {name!r}: name the folder or zip that holds them in weights.root")


def write_picture_maps(folder: Path, corpus: Corpus, image: ImageTower) -> None:
    """Run the trained picture blocks over all cached stems and keep what stage `drawings` reads."""
    for view, cached in enumerate(corpus.views):
        shape = (len(corpus.photos), 320, cached.stem.shape[2] // 2, cached.stem.shape[3] // 2)
        last = np.lib.format.open_memmap(folder / f"last{view}.npy", "w+", np.float16, shape)
        pooled = np.zeros((len(corpus.photos), image.backbone.feature_dim), np.float16)
        for rows in tqdm(_blocks(len(corpus.photos), 64), desc=f"picture maps {view}", unit="batch"):
            with torch.inference_mode():
                maps, means = image.middle(torch.from_numpy(cached.stem[rows]).float())
            last[rows], pooled[rows] = maps.half().numpy(), means.half().numpy()
        last.flush()
        np.save(folder / f"pooled{view}.npy", pooled)


def _once(path: Path, make: Callable[[Path], Any]) -> None:
    """Make a file unless it is there; an interrupted attempt leaves nothing under the final name."""
    if path.exists():
        return
    partial = path.with_name(f"partial-{path.name}")
    make(partial)
    partial.replace(path)


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
    shape = (len(photos), STEM_CHANNELS, side // 16, side // 16)
    stems = np.lib.format.open_memmap(path, "w+", np.float16, shape)
    small = np.zeros((len(photos), side // 8, side // 8, 3), np.uint8)
    network.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    for rows in tqdm(_blocks(len(photos), 64), desc=f"stems of view {view}", unit="batch"):
        pixels = np.array(photos[rows])
        if view:
            pixels = np.stack([_vary(p, view, seed, rows.start + i) for i, p in enumerate(pixels)])
        batch = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1.0
        with torch.inference_mode():
            stem = network.stem(batch.contiguous(memory_format=torch.channels_last), STEM_BLOCKS)
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


def _trace_pseudo(folder: Path, sources: list[Source], checkpoint: Path, path: Path) -> None:
    """Trace pseudo-drawings of training photos from their edges."""
    by_set: dict[str, list[int]] = {}
    for index, source in enumerate(sources):
        if source.photo.trains:
            by_set.setdefault(source.settings.name, []).append(index)
    chosen: list[int] = []
    for settings in {source.settings.name: source.settings for source in sources}.values():
        rows = by_set.get(settings.name, [])
        rng = np.random.default_rng(len(rows))
        chosen += [int(row) for row in rng.permutation(rows)[: settings.max_pseudo]]
    network = load_pidinet(checkpoint) if chosen else None
    photos = np.load(folder / "photos.npy", mmap_mode="r")
    edges = np.zeros((len(chosen), *photos.shape[1:3]), np.uint8)
    for block in tqdm(_blocks(len(chosen), 16), desc="edges", unit="batch"):
        pixels = torch.from_numpy(np.array(photos[chosen[block]])).permute(0, 3, 1, 2).float() / 255.0
        assert network is not None
        with torch.inference_mode():
            edges[block] = (network(pixels) * 255).round().byte().numpy()
    save_traced(edges, np.asarray(chosen, np.int64), path)


def save_traced(edges: NDArray[np.uint8], rows: NDArray[np.int64], path: Path) -> None:
    """Trace edge maps [N, S, S] (255 = edge) of photos `rows` and write the strokes as `.npz`."""
    kept, strokes, counts = [], [], []
    with ProcessPoolExecutor() as pool:
        for row, lines in zip(rows, tqdm(pool.map(trace_edges, edges, chunksize=32), total=len(edges)), strict=True):
            if lines:
                kept.append(row)
                strokes += lines
                counts.append(len(lines))
    points = np.concatenate(strokes) if strokes else np.zeros((0, 2), np.float32)
    with path.open("wb") as file:
        np.savez(file, rows=kept, points=points, lengths=[len(s) for s in strokes], counts=counts)


def trace_edges(edges: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
    """Trace the ridges of an edge map [S, S], 255 = edge, as polylines; the frame's border is left out.

    A pixel is on a ridge where it is the largest of its neighbourhood across one of four directions; weak ridges stay
    only where they touch strong ones.
    """
    soft = np.asarray(Image.fromarray(edges).filter(ImageFilter.GaussianBlur(1.0)), np.float32)
    padded = np.pad(soft, 3)
    side = soft.shape[0]

    def shifted(dy: int, dx: int) -> NDArray[np.float32]:
        return padded[3 + dy : 3 + dy + side, 3 + dx : 3 + dx + side]

    ridge = np.zeros(soft.shape, bool)
    for dy, dx in ((0, 1), (1, 0), (1, 1), (1, -1)):
        is_top = np.logical_and.reduce([soft >= shifted(k * dy, k * dx) for k in (-3, -2, -1, 1, 2, 3)])
        ridge |= is_top & (soft > 1.15 * np.minimum(shifted(3 * dy, 3 * dx), shifted(-3 * dy, -3 * dx)))
    ridge[:4], ridge[-4:], ridge[:, :4], ridge[:, -4:] = False, False, False, False
    grown = ridge & (soft > 50)
    joined = np.asarray(Image.fromarray(grown).convert("L").filter(ImageFilter.MaxFilter(3))) > 0
    lines = trace_mask(joined, ridge & (soft > 120), is_clean=False)
    lengths = [float(np.hypot(*np.diff(line, axis=0).T).sum()) for line in lines]
    return [line for line, length in zip(lines, lengths, strict=True) if length > 0.04 * side][:60]


def _doodle_categories(recipe: Recipe) -> list[str]:
    names = (category_name(fields["category"]) for fields in _doodle_lines(recipe))
    return sorted({name for name in names if name})


def _doodle_lines(recipe: Recipe) -> Iterator[dict[str, Any]]:
    """Rows of Quick, Draw! style data sets of the recipe."""
    for settings in recipe.data.sets:
        if settings.name == "quickdraw-10k":
            with zipfile.ZipFile(data_folder() / "quickdraw-10k.zip") as archive:
                for line in archive.read("drawings.jsonl").splitlines():
                    yield json.loads(line)


def _all_drawings(recipe: Recipe, sources: list[Source], folder: Path) -> Iterator[Drawing]:
    """Every drawing of the corpus, traced where it is a picture."""
    yield from _drawings_of_photos(sources)
    with np.load(folder / "pseudo.npz", allow_pickle=False) as packed:
        rows, points, lengths, counts = (packed[name] for name in ("rows", "points", "lengths", "counts"))
    lines = np.split(points, np.cumsum(lengths)[:-1])
    ends = np.cumsum(counts)
    for row, start, end in zip(rows, ends - counts, ends, strict=True):
        photo = sources[row].photo
        yield Drawing(Sketch(tuple(lines[start:end])), "pseudo", int(row), photo.category, f"pseudo/{row}", "train")
    for fields in _doodle_lines(recipe):
        if fields.get("recognized") is False:
            continue
        strokes = tuple(np.asarray(stroke, np.float32) for stroke in fields["strokes"] if stroke)
        if strokes:
            yield Drawing(Sketch(strokes), "doodle", -1, category_name(fields["category"]), fields["id"], "train")
    yield from _pairs(recipe)


def _drawings_of_photos(sources: list[Source]) -> Iterator[Drawing]:
    """Drawings made of a photo or of a rendered object."""
    drawn = [(index, source) for index, source in enumerate(sources) if source.row.sketches]
    with ProcessPoolExecutor() as pool:
        traced = pool.map(_sketches_of, [source for _, source in drawn], chunksize=16)
        for (index, source), sketches in zip(drawn, tqdm(traced, total=len(drawn), desc="drawings"), strict=True):
            photo = source.photo
            split = "train" if photo.trains else "val" if photo.split == "val" else "test"
            kind = "real" if photo.set in _HAND_DRAWN else "synth"
            for sketch in sketches:
                yield Drawing(sketch, kind, index, photo.category, f"{photo.set}/{photo.id}", split)


def _sketches_of(source: Source) -> list[Sketch]:
    """The drawings of a row that hold lines; icons that are filled areas do not."""
    sketches = []
    for position in range(len(source.row.sketches)):
        try:
            sketches.append(source.dataset.sketch(source.row, position))
        except DatasetError:
            continue
    return sketches


def _pairs(recipe: Recipe) -> Iterator[Drawing]:
    """Drawings with the edge map of their photo (QMUL V1), and several drawings of one chair (ChairV2).

    A tenth of QMUL's training pairs validates. Chairs with a photo are a benchmark and stay out.
    """
    for settings in recipe.data.sets:
        name = Path(settings.name).stem
        if name not in _PAIRED:
            continue
        dataset = open_dataset(settings.name)
        rows = [row for row in dataset.rows if row.split == "train" and row.sketches]
        if name == "chairv2-sketches":
            rows = [row for row in rows if row.image is None]
        rows = [row for row in rows if _share(row.id) < settings.share]
        with ProcessPoolExecutor() as pool:
            jobs = pool.map(_pair_sketches, [dataset] * len(rows), rows, chunksize=16)
            for row, sketches in zip(rows, tqdm(jobs, total=len(rows), desc=name), strict=True):
                held_out = name == "qmul-v1-sketch-edge" and _share(row.id) < 0.1
                for sketch in sketches:
                    category = category_name(row.category)
                    yield Drawing(sketch, "pair", -1, category, f"{name}/{row.id}", "val" if held_out else "train")


def _pair_sketches(dataset: Dataset, row: Row) -> list[Sketch]:
    sketches = list(dataset.sketches(row))
    if row.attributes.get("image_kind") == "edge map":
        sketches.append(Sketch.from_raster(dataset.picture(row)))
    return sketches


def _share(name: str) -> float:
    """A number in [0, 1) that depends on the name alone."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") / 2**32


def _run_teacher(folder: Path, directory: Path, path: Path) -> None:
    """Write DoodleNet's logits of every drawing."""
    network, names = load_doodlenet(directory)
    sketches = SketchSet.__new__(SketchSet)
    sketches._open(folder)
    logits = np.zeros((len(sketches), len(names)), np.float16)
    for block in tqdm(_blocks(len(sketches), 256), desc="teacher", unit="batch"):
        ink = np.stack([small_ink(sketches.sketch(row)) for row in range(block.start, block.stop)])
        with torch.inference_mode():
            logits[block] = network(torch.from_numpy(ink)[:, None]).half().numpy()
    with path.open("wb") as file:
        np.save(file, logits)


def small_ink(sketch: Sketch) -> NDArray[np.float32]:
    """A drawing as DoodleNet wants it: [28, 28], ink = 1, the line 1.8 px wide."""
    large = rasterize(sketch, size_px=112, line_width_px=7.2, margin=0.03)
    result: NDArray[np.float32] = 1 - large.reshape(28, 4, 28, 4).mean((1, 3), dtype=np.float32) / np.float32(255)
    return result
