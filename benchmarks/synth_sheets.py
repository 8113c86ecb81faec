"""Contact sheets of every family, for docs/synth.md: pictures of its kinds in turn, and drawings of two of them.

Writes docs/images/synth-FAMILY.jpg. Needs the extra synth.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from stbir.strokes import rasterize
from stbir.synth import FAMILIES, PARTS, draw, plan_part, render
from stbir.synth.parts import PartItem

ROOT = Path(__file__).resolve().parents[1]
SEED = 940_001


def main() -> None:
    """Write the sheets of the families named, or of all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("families", nargs="*", help="which families; all if none is named")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images")
    parser.add_argument("--suffix", default="jpg", choices=["jpg", "png"])
    parser.add_argument("--rows", type=int, default=2)
    parser.add_argument("--columns", type=int, default=8)
    parser.add_argument("--size", type=int, default=112, help="side of one picture in pixels")
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for family in options.families or FAMILIES:
        sheet = contact_sheet(family, options.rows, options.columns, options.size, options.seed)
        sheet.save(options.out / f"synth-{family}.{options.suffix}", quality=84, optimize=True)
        print(family, flush=True)


def contact_sheet(family: str, rows: int, columns: int, size_px: int, seed: int) -> Image.Image:
    """Pictures of a family, kinds in turn, and beside the first of each row its drawing."""
    part = next(name for name, part in PARTS.items() if family in part.families)
    items = chosen(part, family, rows * (columns - 1), seed)
    lines = []
    for k in range(rows):
        own = items[k * (columns - 1) : (k + 1) * (columns - 1)]
        cells = [np.asarray(render(item.spec, size_px)) for item in own]
        haste = 0.25 if k % 2 == 0 else 0.7
        sketch = draw(own[0].spec, np.random.default_rng([own[0].spec.seed, 21, 0]), haste=haste)
        cells.insert(1, np.stack([np.asarray(rasterize(sketch, size_px))] * 3, axis=-1))
        lines.append(np.concatenate(cells, axis=1))
    return Image.fromarray(np.concatenate(lines))


def chosen(part: str, family: str, count: int, seed: int) -> list[PartItem]:
    """Items of a family, its kinds in turn, no two of one shape."""
    found: dict[str, list[PartItem]] = {kind.name: [] for kind in FAMILIES[family]}
    seen: set[str] = set()
    for item in plan_part(part, 16 * 4000, seed):
        if item.spec.kind in found and item.shape_group not in seen and int(item.id[-1]) == item.number // 4 % 4:
            seen.add(item.shape_group)
            found[item.spec.kind].append(item)
            if all(len(each) * len(found) >= count for each in found.values()):
                break
    turns = [each[k] for k in range(count) for each in found.values() if k < len(each)]
    return turns[:count]


if __name__ == "__main__":
    main()
