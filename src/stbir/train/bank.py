"""The feature bank: what the frozen part of the towers makes of every photo, drawing and text, clean and spoiled.

Heads are small, features are not: computed once and kept as float16 memory maps, they make a training run a matter of
minutes. Of towers whose upper blocks learn too, the maps that those blocks read are kept instead (see `Heads`). Every
item has variants of rising severity, so that a curriculum can choose how hard its batches are; the noise is that of
`stbir.corrupt`, the same that robustness is measured with, under another seed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm import tqdm

from stbir.corrupt import corrupt_image, corrupt_sketch, corrupt_text, item_rng
from stbir.images import letterbox
from stbir.model.bundle import Bundle, ModelInfo
from stbir.model.encoder import Encoder
from stbir.strokes import Sketch, rasterize
from stbir.train.align_recipe import BankSettings
from stbir.train.corpus import Corpus
from stbir.train.export import to_onnx
from stbir.train.sketches import KINDS, SketchSet
from stbir.train.towers import ImageTower, SketchTower, Towers, flat

BANK_VERSION = 1
SEED = 77
_BLOCK = 64

Features = NDArray[np.float16]


class FeatureBank:
    """The features of a corpus, opened from their folder.

    Attributes:
        folder: Where they lie.
        corpus: Whose photos and texts they are.
        sketches: Whose drawings they are.
        rows: [M] drawings that have features, as rows of `sketches`: those that show a photo of the corpus, and doodles
            of what some photo shows.
        photo_features: [N, F], the heads' inputs of clean photos, whether or not upper blocks learn.
        texts: Per variant [T, 384].
    """

    def __init__(
        self,
        folder: Path,
        corpus: Corpus,
        sketches: SketchSet,
        settings: BankSettings,
        upper: Collection[str] = (),
    ) -> None:
        self.corpus, self.sketches, self.settings = corpus, sketches, settings
        self.folder = folder
        self.rows = bank_rows(sketches)
        self._parts = {
            part: [_open(folder / _file(part, v, upper)) for v in range(len(getattr(settings, f"{part}_severities")))]
            for part in ("image", "sketch", "text")
        }
        self.photo_features = _open(folder / _file("image", 0))
        self.texts = self._parts["text"]

    def read(self, part: str, rows: NDArray[np.int64], variants: NDArray[np.int64]) -> Tensor:
        """Features [B, F], float32, of items in the given variants; drawings are counted as `rows` counts them.

        Of towers whose upper blocks learn these are flat stems, see `Heads`.
        """
        sources = self._parts[part]
        out = np.empty((len(rows), sources[0].shape[1]), np.float16)
        for variant in np.unique(variants):
            chosen = variants == variant
            out[chosen] = sources[variant][rows[chosen]]
        return torch.from_numpy(out).float()


def bank_rows(sketches: SketchSet) -> NDArray[np.int64]:
    """Drawings that show a photo, and doodles of what some photo shows."""
    shown = np.isin(sketches.kinds, [KINDS.index(kind) for kind in ("real", "pseudo", "synth")])
    doodled = (sketches.kinds == KINDS.index("doodle")) & np.isin(sketches.category, np.unique(sketches.photo_category))
    return np.flatnonzero((shown & (sketches.photo >= 0)) | (doodled & (sketches.category >= 0)))


def build_bank(
    corpus: Corpus,
    bundle: Bundle,
    towers: Towers,
    settings: BankSettings,
    folder: Path,
    upper: Collection[str] = (),
) -> FeatureBank:
    """Compute what is not there yet.

    Args:
        corpus: A prepared corpus.
        bundle: The bundle that the towers come from; it names the folder and says how inputs are made.
        towers: Its towers.
        settings: Which variants.
        folder: Parent of the banks' folders.
        upper: Towers (`sketch`, `image`) whose stems are kept instead of features.

    Returns:
        The bank.
    """
    sketches = SketchSet(corpus.folder)
    home = folder / _name(corpus, bundle.info, settings, towers)
    home.mkdir(parents=True, exist_ok=True)
    frozen = {"image": _frozen_image(towers.image, "image" in upper), "sketch": _frozen_sketch(towers.sketch, upper)}
    makers: dict[str, Callable[[Path, float], None]] = {
        "image": partial(_encode_photos, corpus, frozen["image"], towers.image.size_px),
        "text": partial(_encode_texts, corpus, bundle, towers),
        "sketch": partial(_encode_drawings, sketches, bundle.info, frozen["sketch"]),
    }
    for part, make in makers.items():
        for variant, severity in enumerate(getattr(settings, f"{part}_severities")):
            _make(home / _file(part, variant, upper), make, severity)
    if "image" in upper:
        kept = home / _file("image", 0, upper)
        _make(home / _file("image", 0), lambda path, _: _raise_photos(_open(kept), towers.image, path), 0.0)
    return FeatureBank(home, corpus, sketches, settings, upper)


def _file(part: str, variant: int, upper: Collection[str] = ()) -> str:
    return f"{'stem-' if part in upper else ''}{part}{variant}.npy"


def _make(path: Path, make: Callable[[Path, float], None], severity: float) -> None:
    """Make a file unless it is there."""
    if not path.exists():
        partial_path = path.with_name(f"partial-{path.name}")
        make(partial_path, severity)
        partial_path.replace(path)


def _frozen_image(tower: ImageTower, is_upper: bool) -> nn.Module:
    return _Frozen((lambda pixels: flat(*tower.lower(pixels))) if is_upper else tower.features, tower)


def _frozen_sketch(tower: SketchTower, upper: Collection[str]) -> nn.Module:
    if "sketch" in upper:
        return _Frozen(lambda ink: flat(tower.lower(ink)), tower)
    return _Frozen(lambda ink: tower.head.inputs(tower.features(ink)), tower)


def _name(corpus: Corpus, info: ModelInfo, settings: BankSettings, towers: Towers) -> str:
    parts: list[Any] = [corpus.folder.name, info.fingerprint, settings.model_dump(mode="json"), BANK_VERSION, SEED]
    # A picture tower that is not the bundle's, or that is cut elsewhere, has features of its own.
    image = towers.image
    if image.frozen_backbone or image.is_new:
        parts.append([image.backbone.name, image.frozen_backbone, image.is_new])
    if image.colour.histogram is not None:
        parts.append("histogram")
    if towers.sketch.is_new:
        parts.append(["sketch", towers.sketch.backbone.name])
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]


def _open(path: Path) -> Features:
    features: Features = np.load(path, mmap_mode="r")
    return features


class _Frozen(nn.Module):
    """A tower up to its heads, as a module that can be exported."""

    def __init__(self, function: Callable[..., Tensor], owner: nn.Module) -> None:
        super().__init__()
        self.owner = owner
        self.function = function

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.function(*inputs)


def _session(module: nn.Module, inputs: tuple[Tensor, ...], names: list[str], **options: Any) -> Any:
    """ONNX Runtime computes frozen features about twice as fast as PyTorch does on a CPU."""
    content = to_onnx(module, inputs, names, ["features"], int8=False, **options)
    return onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])


def _write(path: Path, num_rows: int, blocks: Iterator[tuple[slice, NDArray[np.float32]]], what: str) -> None:
    """Write blocks of features as one float16 array."""
    out: Any = None
    with tqdm(total=num_rows, desc=what, unit="item") as bar:
        for rows, features in blocks:
            if out is None:
                out = np.lib.format.open_memmap(path, "w+", np.float16, (num_rows, features.shape[1]))
            out[rows] = features
            bar.update(len(features))
    out.flush()


def _encode_photos(corpus: Corpus, frozen: nn.Module, size_px: int, path: Path, severity: float) -> None:
    photos = np.load(corpus.folder / "photos.npy", mmap_mode="r")
    session = _session(frozen, (torch.zeros(2, 3, size_px, size_px),), ["pixels"])

    def blocks() -> Iterator[tuple[slice, NDArray[np.float32]]]:
        with ProcessPoolExecutor() as pool:
            spans = _spans(len(photos))
            jobs = pool.map(_spoil_photos, _arrays(photos, spans), spans, [severity] * len(spans))
            for rows, pixels in zip(spans, jobs, strict=True):
                batch = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2).astype(np.float32) / 127.5 - 1.0)
                yield rows, session.run(None, {"pixels": batch})[0]

    _write(path, len(photos), blocks(), f"photos, severity {severity:g}")


def _raise_photos(stems: Features, tower: ImageTower, path: Path) -> None:
    """The heads' inputs of clean photos from their kept stems."""

    def blocks() -> Iterator[tuple[slice, NDArray[np.float32]]]:
        for rows in _spans(len(stems)):
            with torch.inference_mode():
                yield rows, tower.rise(torch.from_numpy(np.array(stems[rows])).float()).numpy()

    _write(path, len(stems), blocks(), "features of photos")


def _arrays(photos: NDArray[np.uint8], spans: list[slice]) -> Iterator[NDArray[np.uint8]]:
    for rows in spans:
        yield np.array(photos[rows])


def _spoil_photos(pixels: NDArray[np.uint8], rows: slice, severity: float) -> NDArray[np.uint8]:
    if severity == 0:
        return pixels
    from PIL import Image

    side = pixels.shape[1]
    spoiled = [
        corrupt_image(photo, item_rng(SEED, f"image-{severity}", str(rows.start + place)), severity, 1.0)
        for place, photo in enumerate(pixels)
    ]
    return np.stack([p if p.shape[:2] == (side, side) else letterbox(Image.fromarray(p), side) for p in spoiled])


def _encode_drawings(sketches: SketchSet, info: ModelInfo, frozen: nn.Module, path: Path, severity: float) -> None:
    rows, size = bank_rows(sketches), info.sketch.size_px
    session = _session(frozen, (torch.zeros(2, 1, size, size),), ["ink"])

    def blocks() -> Iterator[tuple[slice, NDArray[np.float32]]]:
        with ProcessPoolExecutor() as pool:
            spans = _spans(len(rows))
            groups = ([(int(row), sketches.sketch(int(row))) for row in rows[span]] for span in spans)
            draw = partial(_draw, size_px=size, width=info.sketch.line_width_px, margin=info.sketch.margin)
            for span, ink in zip(spans, pool.map(partial(draw, severity=severity), groups), strict=True):
                yield span, session.run(None, {"ink": 1.0 - ink[:, None].astype(np.float32) / np.float32(255)})[0]

    _write(path, len(rows), blocks(), f"drawings, severity {severity:g}")


def _draw(
    items: list[tuple[int, Sketch]], *, size_px: int, width: float, margin: float, severity: float
) -> NDArray[np.uint8]:
    drawn = []
    for row, sketch in items:
        if severity > 0:
            sketch = corrupt_sketch(sketch, item_rng(SEED, f"sketch-{severity}", str(row)), severity, 1.0)
        drawn.append(rasterize(sketch, size_px, width, margin))
    return np.stack(drawn)


def _encode_texts(corpus: Corpus, bundle: Bundle, towers: Towers, path: Path, severity: float) -> None:
    """The pooled vectors of the words, in batches of like length."""
    encoder = Encoder(bundle)
    texts = [
        (corrupt_text(text, item_rng(SEED, f"text-{severity}", text), severity, 1.0) if severity else text) or text
        for text in corpus.texts
    ]
    order = np.argsort([len(text) for text in texts], kind="stable")
    bundle_ids = _bundle_ids(bundle)

    def blocks() -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        for span in _spans(len(texts)):
            tokens = encoder.text_input([texts[row] for row in order[span]])
            with torch.inference_mode():
                ids = torch.from_numpy(bundle_ids[tokens["input_ids"]])
                yield order[span], towers.text.backbone(ids, torch.from_numpy(tokens["attention_mask"])).numpy()

    _write(path, len(texts), blocks(), f"texts, severity {severity:g}")  # type: ignore[arg-type]


def _bundle_ids(bundle: Bundle) -> NDArray[np.int64]:
    """For every id of the bundle's tokenizer its id in the whole one, which restored towers count by."""
    from stbir.train.export import cut_tokenizer
    from stbir.train.pretrained import minilm_directory

    content = (minilm_directory() / "tokenizer.json").read_text()
    return cut_tokenizer(content, bundle.info.text.max_tokens)[1]


def _spans(count: int) -> list[slice]:
    return [slice(start, min(start + _BLOCK, count)) for start in range(0, count, _BLOCK)]
