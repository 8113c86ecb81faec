"""Write the figures of synth-realism.json and synth-transfer.json into docs: tables and a plot, no figure typed.

Fills the marked places of docs/synth.md, and writes docs/synth-realism.md and docs/images/synth-realism.svg. Needs the
extra report.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from synth_measures import MEASURES, OFFSET, ORDER_MEASURES

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "synth.md"
DETAILS = ROOT / "docs" / "synth-realism.md"
PLOT = ROOT / "docs" / "images" / "synth-realism.svg"
LEVELS = ("careful", "ordinary", "hasty", "mixture")
NAMES = MEASURES | ORDER_MEASURES | OFFSET

HEAD = """# How real the synthetic drawings are

Made by `python benchmarks/synth_tables.py` from [synth-realism.json](../benchmarks/results/synth-realism.json), which
`python benchmarks/synth_realism.py` measures; do not edit by hand. [synth.md](synth.md#drawings) has the summary.

Real drawings of things that STBIR-Synth has too, and as many synthetic ones of the same kinds. Before measuring, the
longer side of the ink is 1 and strokes are simplified alike. Where the real drawings are pictures (QMUL, Sketchy), the
synthetic ones are rasterised and traced as they are, so strokes end at crossings there; their order is not known. Given
are the first and third quartile, and behind them the Wasserstein distance to the real drawings in their standard
deviations. `halves` is that distance between two random halves of the real drawings: less cannot be asked.
"""


def main() -> None:
    """Write both pages and the plot."""
    realism = json.loads((RESULTS / "synth-realism.json").read_text(encoding="utf-8"))
    earlier = json.loads((RESULTS / "synth-realism-before.json").read_text(encoding="utf-8"))
    realism["before"] = earlier["comparisons"]
    measured = RESULTS / "synth-transfer.json"
    transfer = transfer_tables(json.loads(measured.read_text(encoding="utf-8"))) if measured.exists() else ""
    DETAILS.write_text(details(realism), encoding="utf-8")
    PLOT.write_text(plot(realism), encoding="utf-8")
    page = PAGE.read_text(encoding="utf-8")
    for name, text in (("realism", summary(realism)), ("transfer", transfer)):
        page = filled(page, name, text)
    PAGE.write_text(page, encoding="utf-8")


def filled(page: str, name: str, text: str) -> str:
    """The page with the text between the two marks of a name."""
    begin, end = f"<!-- {name}: made by benchmarks/synth_tables.py -->", f"<!-- end of {name} -->"
    before, found, rest = page.partition(begin)
    if not found:
        raise SystemExit(f"{PAGE} has no place {begin!r}: put it and {end!r} where the figures belong")
    return f"{before}{begin}\n{text.rstrip()}\n{end}{rest.partition(end)[2]}"


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table, figures to the right."""
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in lines) + "\n"


def details(realism: dict[str, Any]) -> str:
    """The page of all comparisons."""
    parts = [HEAD, "## Measures\n", "\n".join(f"- {name}: {what}" for name, what in NAMES.items()) + "\n"]
    for each in realism["comparisons"]:
        parts.append(f"## {each['set']}, part {each['part']}: {each['drawings']} drawings\n")
        rows = [
            [name, spread(each["real"][name]), f"{each['real'][name]['halves']:.2f}"]
            + [f"{spread(each[level][name])} ({each[level][name]['distance']:.2f})" for level in LEVELS]
            for name in each["real"]
        ]
        parts.append(table(["measure", "real", "halves", *LEVELS], rows))
    return "\n".join(parts)


def spread(found: dict[str, Any]) -> str:
    """First and third quartile."""
    low, _, high = found["quartiles"]
    return f"{low:.2f} to {high:.2f}" if abs(high) >= 0.2 else f"{low:.3f} to {high:.3f}"


def nearest_level(realism: dict[str, Any], name: str) -> str:
    """The level whose drawings are nearest to those of a set."""
    levels = LEVELS[:3]
    return min(levels, key=lambda level: np.mean(list(distances(realism["comparisons"], name, level).values())))


def distances(comparisons: list[dict[str, Any]], name: str, level: str) -> dict[str, float]:
    """Mean distance over the parts of a set, by measure."""
    own = [each for each in comparisons if each["set"] == name]
    return {
        measure: float(np.mean([each[level][measure]["distance"] for each in own]))
        for measure in NAMES
        if all(measure in each[level] for each in own)
    }


SUMMARY = """\
Measured against real drawings of the same things (`python benchmarks/synth_realism.py`): Wasserstein distance in
standard deviations of the real drawings, mean over the parts, for the level of haste that is nearest to the set; before
the hand was tuned by these figures, and since. Quartiles of every set, part and level, and what the measures are:
[synth-realism.md](synth-realism.md).

"""
PICTURE = "\n![Distances before (open) and since (filled), a panel for each set](images/synth-realism.svg)\n"


def summary(realism: dict[str, Any]) -> str:
    """Distances of the nearest level by set, before and after."""
    names = list(dict.fromkeys(each["set"] for each in realism["comparisons"]))
    levels = {name: nearest_level(realism, name) for name in names}
    before = {
        name: distances(realism["before"], name, nearest_level({"comparisons": realism["before"]}, name))
        for name in names
    }
    now = {name: distances(realism["comparisons"], name, levels[name]) for name in names}
    rows = []
    for measure in NAMES:
        cells = [
            f"{before[name][measure]:.2f} → {now[name][measure]:.2f}" if measure in now[name] else "" for name in names
        ]
        rows.append([measure, *cells])
    means = [f"{np.mean(list(before[n].values())):.2f} → {np.mean(list(now[n].values())):.2f}" for n in names]
    rows.append(["mean", *means])
    return SUMMARY + table(["measure", *(f"{name} ({levels[name]})" for name in names)], rows) + PICTURE


def plot(realism: dict[str, Any]) -> str:
    """The same distances as dots, one panel a set."""
    from stbir.datasets.plots import COLORS, _svg

    names = list(dict.fromkeys(each["set"] for each in realism["comparisons"]))

    def draw(canvas: Any) -> None:
        for place, name in enumerate(names):
            axes = canvas.add_subplot(1, len(names), place + 1)
            level = nearest_level(realism, name)
            old = nearest_level({"comparisons": realism["before"]}, name)
            before, now = distances(realism["before"], name, old), distances(realism["comparisons"], name, level)
            height = list(NAMES)[::-1]
            for row, measure in enumerate(height):
                if measure in now:
                    axes.plot([before[measure], now[measure]], [row, row], color="#bbbbbb", linewidth=1)
                    axes.plot(before[measure], row, "o", color="white", markeredgecolor=COLORS[1], markersize=5)
                    axes.plot(now[measure], row, "o", color=COLORS[0], markersize=5)
            axes.set_yticks(range(len(height)), height if place == 0 else [""] * len(height))
            axes.set_ylim(-0.7, len(height) - 0.3)
            axes.set_xscale("log")
            axes.set_xlim(0.1, 8)
            axes.set_xticks([0.1, 0.3, 1, 3], ["0.1", "0.3", "1", "3"])
            axes.minorticks_off()
            axes.set_title(f"{name}\n{level}")
            axes.set_xlabel("distance")

    return _svg("synth-realism", (9.4, 4.2), draw)


TRANSFER = """\
Drawing towers of one make, trained with the same steps on the same {photos:,} rendered photos, but on different
drawings of them, search real photos by real drawings (`python benchmarks/synth_transfer.py`,
[synth-transfer.json](../benchmarks/results/synth-transfer.json)): means of {seeds} trainings, 95 % intervals by photo,
ties against the system. They have seen nothing but rendered pictures: the figures compare drawings, not products.
"""


def transfer_tables(transfer: dict[str, Any]) -> str:
    """One table a task."""
    parts = [TRANSFER.format(**transfer)]
    for each in transfer["tables"]:
        rows = []
        for arm, found in each["rows"].items():
            cells = [
                f"{100 * found[m]['value']:.1f} [{100 * found[m]['low']:.1f}, {100 * found[m]['high']:.1f}]"
                for m in ("acc@1", "acc@10", "map")
            ]
            more = found["acc@10"].get("synthetic_more_by")
            cells.append(
                f"{100 * more['value']:+.1f} [{100 * more['low']:+.1f}, {100 * more['high']:+.1f}]" if more else ""
            )
            rows.append([arm, *cells])
        parts.append(f"**{each['title']}: {each['queries']:,} drawings, {each['pictures']:,} pictures**\n")
        parts.append(
            table(["trained on", "Acc@1 %", "Acc@10 %", "mAP by category %", "synthetic more by (Acc@10)"], rows)
        )
    return "\n".join(parts)


if __name__ == "__main__":
    main()
