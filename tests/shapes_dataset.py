"""A data set of coloured shapes that the tiny model of the tests can search, by drawings and words."""

from __future__ import annotations

import json
from pathlib import Path

from conftest import COLOURS, SHAPES, draw_shape, outline


def write_shapes(folder: Path) -> Path:
    """Bars, crosses and discs in red and green are asked, two drawings each; everything else distracts."""
    (folder / "drawings").mkdir(parents=True)
    rows = []
    for colour in COLOURS:
        for shape in SHAPES:
            name = f"{colour}-{shape}"
            draw_shape(shape, colour).save(folder / f"{name}.png")
            row: dict[str, object] = {"id": name, "category": shape, "image": f"{name}.png", "split": "gallery"}
            if colour != "blue" and shape != "frame":
                drawings = [f"drawings/{name}-{number}.json" for number in (1, 2)]
                for drawing in drawings:
                    (folder / drawing).write_text(json.dumps(outline(shape)))
                row |= {"split": "test", "text": f"a {colour}", "sketches": drawings}
            rows.append(row)
    (folder / "manifest.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder
