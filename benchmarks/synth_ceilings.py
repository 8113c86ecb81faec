"""The best possible Acc@1 on the parts of the benchmark: by the drawing alone, by the words alone, by both.

Computed from the plans of the parts without rendering; `stbir synth ceilings DIR` prints the same of a rendered part.
Writes benchmarks/results/synth-ceilings.json.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from stbir.synth import PARTS, ceilings, plan_part
from stbir.synth.rows import part_attributes, part_texts

RESULT = Path(__file__).resolve().parent / "results" / "synth-ceilings.json"
SEEDS = {"S": 950_001, "C": 950_002, "D": 950_003}
COUNTS = (1_000, 10_000)


def main() -> None:
    """Compute and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=RESULT, help="where to write the result")
    options = parser.parse_args()
    result = [of_part(part, count) for part in PARTS for count in COUNTS]
    options.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    for each in result:
        print(each["part"], each["count"], *(f"{c['style']}: {c['text']:.3f}" for c in each["ceilings"]))


def of_part(part: str, count: int) -> dict[str, Any]:
    """The ceilings of one part as a gallery of `count` pictures, all splits together."""
    facts = [part_attributes(item, part_texts(item)) for item in plan_part(part, count, SEEDS[part])]
    found = [{name: rounded(value) for name, value in asdict(each).items()} for each in ceilings(facts)]
    return {"part": part, "count": count, "seed": SEEDS[part], "ceilings": found}


def rounded(value: Any) -> Any:
    """A share to four places."""
    return round(value, 4) if isinstance(value, float) else value


if __name__ == "__main__":
    main()
