"""How much each corruption changes, by severity: on real drawings, words and photos, and for the shipped model.

    STBIR_DATA=FOLDER python benchmarks/corruption_calibration.py           measure, then renew docs/corruptions.md
    python benchmarks/corruption_calibration.py --render                    renew the page from the result file only
    python benchmarks/corruption_calibration.py --sheets                    draw the contact sheets of docs/images

Writes benchmarks/results/corruption/calibration.json. Items and noise depend on the seed alone.
"""

from __future__ import annotations

import argparse
import difflib
import json
import time
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from stbir.corrupt import CORRUPTIONS, Corruption, corrupt_sketch, item_rng
from stbir.corrupt.raster import drawn
from stbir.datasets import open_dataset
from stbir.errors import SketchError
from stbir.images import load_picture
from stbir.model.bundle import Bundle
from stbir.model.encoder import Encoder
from stbir.strokes import Sketch, rasterize

ROOT = Path(__file__).resolve().parents[1]
RESULT = ROOT / "benchmarks" / "results" / "corruption" / "calibration.json"
PAGE = ROOT / "docs" / "corruptions.md"
IMAGES = ROOT / "docs" / "images"
MADE = "made by benchmarks/corruption_calibration.py"
SEED = 7
SEVERITIES = (1, 2, 3, 4, 5)
DRAWINGS = {"sketchy-125": 60, "chairv2-sketches": 60}
WORDS = {"sketchy-125": 150, "shoev2-photos": 150, "chairv2-sketches": 150, "ikea-products": 150}
PHOTOS = {"sketchy-125": 25, "shoev2-photos": 25, "ikea-products": 25}

Pixels = NDArray[np.uint8]


def main() -> None:
    """Measure, or only render."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--render", action="store_true", help="do not measure, only renew the page")
    parser.add_argument("--sheets", action="store_true", help="do not measure, only draw the contact sheets")
    parser.add_argument("--only", nargs="*", help="print the figures of these corruptions, write nothing")
    options = parser.parse_args()
    if options.sheets:
        draw_sheets()
        return
    if options.only:
        for name, figures in measure([CORRUPTIONS[name] for name in options.only])["corruptions"].items():
            print(name, json.dumps(figures))
        return
    if not options.render:
        RESULT.parent.mkdir(parents=True, exist_ok=True)
        RESULT.write_text(json.dumps(measure(list(CORRUPTIONS.values())), indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(with_figures(PAGE.read_text(encoding="utf-8"), json.loads(RESULT.read_text("utf-8"))), "utf-8")


def measure(chosen: Sequence[Corruption]) -> dict[str, Any]:
    """All figures of some corruptions."""
    bundle = Bundle.load()
    encoder = Encoder(bundle)
    result: dict[str, Any] = {
        "seed": SEED,
        "versions": {name: version(name) for name in ("stbir", "numpy", "pillow", "onnxruntime")},
        "model": {"name": bundle.info.name, "fingerprint": bundle.info.fingerprint},
        "corruptions": {},
    }
    modalities = {"sketch": sketch_figures, "text": text_figures, "image": image_figures}
    for modality, figures in modalities.items():
        noises = [each for each in chosen if each.modality == modality and each.name not in ("no-sketch", "no-text")]
        if noises:
            figures(encoder, noises, result)
    return result


def sketch_figures(encoder: Encoder, noises: Sequence[Corruption], result: dict[str, Any]) -> None:
    """Distance of the ink, cosine of the model's vectors, lost queries."""
    items, partners = some_drawings()
    clean = encoder.encode_sketches([sketch for _, sketch in items])
    ink = [ink_of(sketch) for _, sketch in items]
    result["drawings"] = {
        "count": len(items),
        "from": DRAWINGS,
        "cosine_of_unrelated": unrelated(clean),
        "cosine_of_two_people": cosine(
            encoder.encode_sketches([one for one, _ in partners]),
            encoder.encode_sketches([other for _, other in partners]),
        ),
        "cosine_of_traced": cosine(clean, encoder.encode_sketches([Sketch.from_raster(drawn(s)) for _, s in items])),
        "curriculum_ms": curriculum_ms([sketch for _, sketch in items]),
    }
    for noise in noises:
        rows = []
        for severity in SEVERITIES:
            spoiled, kept = [], []
            for number, (key, sketch) in enumerate(items):
                try:
                    noisy = noise.sketch(sketch, item_rng(SEED, noise.name, key), severity)
                except SketchError:
                    continue
                if noisy is not None:
                    spoiled.append(noisy)
                    kept.append(number)
            apart = [1 - overlap(ink[n], ink_of(noisy)) for n, noisy in zip(kept, spoiled, strict=True)]
            rows.append(
                {
                    "severity": severity,
                    "distance": round(float(np.mean(apart)), 3),
                    "cosine": cosine(clean[kept], encoder.encode_sketches(spoiled)),
                    "lost": round(1 - len(kept) / len(items), 3),
                }
            )
        record(noise, rows, result)


def text_figures(encoder: Encoder, noises: Sequence[Corruption], result: dict[str, Any]) -> None:
    """Share of changed letters, cosine of the model's vectors, share of texts that change at all."""
    items = some_words()
    texts = [text for _, text in items]
    clean = encoder.encode_texts(texts)
    result["words"] = {"count": len(items), "from": WORDS, "cosine_of_unrelated": unrelated(clean)}
    sets = np.array([key.partition(":")[0] for key, _ in items])
    for noise in noises:
        rows = []
        for severity in SEVERITIES:
            noisy = [noise.text(text, item_rng(SEED, noise.name, key), severity, pool=texts) for key, text in items]
            changed = np.array([one != other for one, other in zip(texts, noisy, strict=True)])
            apart = [
                1 - difflib.SequenceMatcher(None, one, other, autojunk=False).ratio()
                for one, other in zip(texts, noisy, strict=True)
            ]
            rows.append(
                {
                    "severity": severity,
                    "distance": round(float(np.mean(apart)), 3),
                    "cosine": cosine(clean, encoder.encode_texts(noisy)),
                    "changed": {name: round(float(changed[sets == name].mean()), 3) for name in WORDS},
                }
            )
        record(noise, rows, result)


def image_figures(encoder: Encoder, noises: Sequence[Corruption], result: dict[str, Any]) -> None:
    """Mean difference of the pixels, cosine of the model's vectors."""
    items = some_photos()
    clean = encoder.encode_images([pixels for _, pixels in items])
    result["photos"] = {"count": len(items), "from": PHOTOS, "cosine_of_unrelated": unrelated(clean)}
    small = [thumbnail(pixels) for _, pixels in items]
    for noise in noises:
        rows = []
        for severity in SEVERITIES:
            noisy = [noise.image(pixels, item_rng(SEED, noise.name, key), severity) for key, pixels in items]
            apart = [np.abs(one - thumbnail(other)).mean() / 255 for one, other in zip(small, noisy, strict=True)]
            rows.append(
                {
                    "severity": severity,
                    "distance": round(float(np.mean(apart)), 3),
                    "cosine": cosine(clean, encoder.encode_images(noisy)),
                }
            )
        record(noise, rows, result)


def record(noise: Corruption, rows: list[dict[str, Any]], result: dict[str, Any]) -> None:
    """Keep the rows of one corruption and show them."""
    print(noise.name, [(row["distance"], row["cosine"], row.get("lost", "")) for row in rows], flush=True)
    result["corruptions"][noise.name] = {"modality": noise.modality, "steps": rows}


def some_drawings() -> tuple[list[tuple[str, Sketch]], list[tuple[Sketch, Sketch]]]:
    """Test and validation drawings, and pairs of drawings of one photo by two people."""
    items, partners = [], []
    for name, count in DRAWINGS.items():
        data = open_dataset(name)
        rows = [row for row in data.in_split("test", "val") if row.sketches]
        for i in np.random.default_rng(SEED).permutation(len(rows))[:count].tolist():
            items.append((f"{name}:{rows[i].id}", data.sketch(rows[i])))
            if len(rows[i].sketches) > 1:
                partners.append((items[-1][1], data.sketch(rows[i], 1)))
    return items, partners


def some_words() -> list[tuple[str, str]]:
    """Texts of all data sets that have some."""
    items = []
    for name, count in WORDS.items():
        rows = [
            row
            for row in open_dataset(name).rows
            if row.text and not (name != "ikea-products" and row.split == "gallery")
        ]
        chosen = np.random.default_rng(SEED).permutation(len(rows))[:count].tolist()
        items += [(f"{name}:{rows[i].id}", rows[i].text or "") for i in chosen]
    return items


def some_photos() -> list[tuple[str, Pixels]]:
    """Photos at the size the image tower's loader gives."""
    items = []
    for name, count in PHOTOS.items():
        data = open_dataset(name)
        rows = [row for row in data.rows if row.image]
        for i in np.random.default_rng(SEED).permutation(len(rows))[:count].tolist():
            items.append((f"{name}:{rows[i].id}", np.asarray(data.picture(rows[i], max_side_px=512))))
    return items


def cosine(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Mean cosine of unit rows that belong together."""
    return round(float((one * other).sum(axis=1).mean()), 3)


def unrelated(vectors: NDArray[np.float32]) -> float:
    """Mean cosine of different items."""
    return round(float((vectors @ vectors.T)[np.triu_indices(len(vectors), 1)].mean()), 3)


def ink_of(sketch: Sketch) -> NDArray[np.bool_]:
    """The ink `[96, 96]` as the model sees it, lines 6 % of the side wide, so that a near miss counts as a hit."""
    return rasterize(sketch, 96, 6.0) < 128


def overlap(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """Intersection over union."""
    return float((one & other).sum() / max(1, (one | other).sum()))


def thumbnail(pixels: Pixels) -> NDArray[np.float32]:
    """The picture at 64 x 64."""
    return np.asarray(Image.fromarray(pixels).resize((64, 64), Image.Resampling.BOX), np.float32)


def curriculum_ms(sketches: Sequence[Sketch]) -> dict[str, float]:
    """Time of the curriculum's noise on one drawing, when it always happens, at full severity."""
    rng = np.random.default_rng(SEED)
    times = []
    for sketch in list(sketches) * 5:
        start = time.perf_counter()
        corrupt_sketch(sketch, rng, 5.0, 1.0)
        times.append((time.perf_counter() - start) * 1000)
    return {"mean": round(float(np.mean(times)), 2), "p90": round(float(np.quantile(times, 0.9)), 2)}


def with_figures(text: str, result: dict[str, Any]) -> str:
    """The page with its list of names and its tables made anew."""
    for what, content in (("names", list_of_names()), ("figures", tables(result))):
        begin, end = f"<!-- {what} {MADE} -->", f"<!-- end of {what} -->"
        before, _, rest = text.partition(begin)
        text = f"{before}{begin}\n\n{content}\n\n{end}{rest.partition(end)[2]}"
    return text


def list_of_names() -> str:
    """Every corruption with its modality and description."""
    rows = [["name", "modality", "what happens"], ["---"] * 3]
    rows += [[f"`{each.name}`", each.modality, each.description] for each in CORRUPTIONS.values()]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def tables(result: dict[str, Any]) -> str:
    """The figures as Markdown."""
    drawings, words, photos = (result[name] for name in ("drawings", "words", "photos"))
    parts = [
        f"### Drawings\n\n{drawings['count']} real drawings ({names(DRAWINGS)}). For comparison, the cosine of two "
        f"people's drawings of one photo is {drawings['cosine_of_two_people']:.2f}, of unrelated drawings "
        f"{drawings['cosine_of_unrelated']:.2f}, and of a clean drawing with itself drawn as a picture and traced back "
        f"{drawings['cosine_of_traced']:.2f}. One to three noises, as the curriculum mixes them, cost "
        f"{drawings['curriculum_ms']['mean']:.2f} ms a drawing, {drawings['curriculum_ms']['p90']:.2f} ms at the 90th "
        "percentile.",
        table(result, "sketch", "lost at 5", lambda step: f"{100 * step['lost']:.0f} %"),
        f"### Words\n\n{words['count']} real texts ({names(WORDS)}); the cosine of unrelated ones is "
        f"{words['cosine_of_unrelated']:.2f}. The last column says in how many texts of each set severity 5 changes "
        "anything: where nothing is stated, nothing can be stated wrongly.",
        table(
            result,
            "text",
            "changed at 5",
            lambda step: " / ".join(f"{100 * n:.0f} %" for n in step["changed"].values()),
        ),
        f"### Photos\n\n{photos['count']} photos ({names(PHOTOS)}); the cosine of unrelated ones is "
        f"{photos['cosine_of_unrelated']:.2f}.",
        table(result, "image", "", lambda _: ""),
    ]
    return "\n\n".join(parts)


def names(counts: dict[str, int]) -> str:
    """Data sets and how many items come from each."""
    return ", ".join(f"{count} of {name}" for name, count in counts.items())


def table(result: dict[str, Any], modality: str, last: str, cell: Callable[[dict[str, Any]], str]) -> str:
    """One row a corruption: distances, cosines, and something about the last severity."""
    head = ["corruption", *(f"distance {s}" for s in SEVERITIES), *(f"cosine {s}" for s in SEVERITIES)]
    rows: list[Iterable[str]] = [head + [last] * bool(last), ["---"] * (len(head) + bool(last))]
    for name, figures in result["corruptions"].items():
        steps = figures["steps"]
        if figures["modality"] == modality:
            numbers = [f"{step[kind]:.2f}" for kind in ("distance", "cosine") for step in steps]
            rows.append([f"`{name}`", *numbers] + [cell(steps[-1])] * bool(last))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def draw_sheets() -> None:
    """Each noise by severity on sample drawings and on a sample photo."""
    shoe = Sketch.load(ROOT / "samples" / "drawings" / "s-shoe-00002-31.json")
    lamp = Sketch.load(ROOT / "samples" / "drawings" / "d-lamp-00001-13.json")
    sketch_noises = [each for each in CORRUPTIONS.values() if each.modality == "sketch" and each.name != "no-sketch"]
    drawings = contact_sheet(sketch_noises, lambda noise, severity: drawn_pair(noise, severity, (shoe, lamp)))
    drawings.quantize(8).save(IMAGES / "corruptions-sketch.png", optimize=True)
    photos = [
        np.asarray(load_picture(ROOT / "samples" / "gallery" / name))
        for name in ("d-bag-00002-30.jpg", "s-shoe-00002-31.jpg")
    ]
    image_noises = [each for each in CORRUPTIONS.values() if each.modality == "image"]
    pictures = contact_sheet(image_noises, lambda noise, severity: photo_pair(noise, severity, photos))
    pictures.quantize(256).save(IMAGES / "corruptions-image.png", optimize=True)


def contact_sheet(noises: Sequence[Corruption], cell: Callable[[Corruption, int], Image.Image]) -> Image.Image:
    """Noises down, severities 0 to 5 across."""
    cells = [[cell(noise, severity) for severity in range(6)] for noise in noises]
    width, height = cells[0][0].size
    label = 96
    sheet = Image.new(cells[0][0].mode, (label + 6 * (width + 4), 16 + len(noises) * (height + 4)), "white")
    draw = ImageDraw.Draw(sheet)
    for column in range(6):
        draw.text((label + column * (width + 4) + 4, 2), f"severity {column}", fill="black")
        for row, noise in enumerate(noises):
            top = 16 + row * (height + 4)
            draw.text((2, top + height // 2), noise.name, fill="black")
            sheet.paste(cells[row][column], (label + column * (width + 4), top))
    return sheet


def drawn_pair(noise: Corruption, severity: int, sketches: Sequence[Sketch]) -> Image.Image:
    """Two drawings side by side as the model sees them; crossed out where nothing could be traced."""
    side = 80
    pair = Image.new("L", (2 * side, side), 255)
    for number, sketch in enumerate(sketches):
        try:
            noisy = noise.sketch(sketch, item_rng(SEED, noise.name, str(number)), severity)
        except SketchError:
            noisy = None
        picture = rasterize(noisy, side, 1.6) if noisy is not None else np.eye(side, dtype=np.uint8) * 255
        pair.paste(Image.fromarray(picture), (number * side, 0))
    return pair


def photo_pair(noise: Corruption, severity: int, photos: Sequence[Pixels]) -> Image.Image:
    """Two photos side by side."""
    side = 96
    pair = Image.new("RGB", (2 * side, side), "white")
    for number, pixels in enumerate(photos):
        noisy = Image.fromarray(noise.image(pixels, item_rng(SEED, noise.name, str(number)), severity))
        noisy.thumbnail((side, side))
        pair.paste(noisy, (number * side, 0))
    return pair


if __name__ == "__main__":
    main()
