"""`stbir synth`: procedural pictures with drawings and words, their ceilings, and the repository's sample gallery."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from stbir.cli.output import JSON_OPTION, examples, print_json, print_table
from stbir.errors import ConfigError


def _shown_on(bar: Any) -> Callable[[int, int], None]:
    def progress(done: int, total: int) -> None:
        bar.total = total
        bar.update(done - bar.n)

    return progress


@click.group(epilog=examples("stbir synth render --part S --count 1000 --out parts/S"))
def synth() -> None:
    """Make procedural pictures of objects, with drawings and words."""


@synth.command(
    epilog=examples(
        "stbir synth render --part D --count 1000 --seed 7 --out parts/D",
        "stbir synth render --count 100 --out twins/ --family mug --seed 7",
    )
)
@click.option("--count", "-n", type=click.IntRange(1), default=100, show_default=True, help="Number of objects.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder to write to.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Other seeds give other shapes.")
@click.option(
    "--size",
    "size_px",
    type=click.IntRange(32, 2048),
    help="Picture side in pixels; 256 for a part, else 224 by default.",
)
@click.option("--drawings", type=click.IntRange(0), help="Drawings of each object; 1 for a part, else 2 by default.")
@click.option(
    "--part", type=click.Choice(["S", "C", "D"]), help="A part of the benchmark: shoes, chairs, daily objects."
)
@click.option(
    "--family", "families", multiple=True, help="Family or kind, for example shoe or 'ankle boot'; repeatable."
)
@click.option(
    "--splits",
    default="70,10,20",
    show_default=True,
    help="With --part: percentages of train, val and test, or none.",
)
@click.option(
    "--unseen", multiple=True, help="With --part: a kind or family in the test split only, or none; repeatable."
)
@click.option("--workers", type=click.IntRange(1), help="Number of processes; every core by default.")
def render(
    count: int,
    out: Path,
    seed: int,
    size_px: int | None,
    drawings: int | None,
    part: str | None,
    families: tuple[str, ...],
    splits: str,
    unseen: tuple[str, ...],
    workers: int | None,
) -> None:
    """Write a data set of pictures, drawings and words; an interrupted run goes on where it stopped."""
    from tqdm import tqdm

    from stbir.synth.dataset import build_dataset, build_part

    if part and families:
        raise ConfigError(f"--part {part} and --family {families[0]!r} exclude each other: give one of them")
    if unseen and not part:
        raise ConfigError(f"--unseen {unseen[0]!r} needs a part: add --part S, C or D")
    num_workers = workers or _num_cores()
    with tqdm(total=count, unit="object", desc="render") as bar:
        if part:
            manifest = build_part(
                out,
                part,
                count,
                seed=seed,
                size_px=size_px or 256,
                drawings_per_object=1 if drawings is None else drawings,
                shares=_shares(splits),
                unseen=() if unseen == ("none",) else unseen or None,
                num_workers=num_workers,
                progress=_shown_on(bar),
            )
        else:
            manifest = build_dataset(
                out,
                count,
                seed=seed,
                size_px=size_px or 224,
                drawings_per_object=2 if drawings is None else drawings,
                families=families,
                num_workers=num_workers,
                progress=_shown_on(bar),
            )
    click.echo(str(manifest))


def _num_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _shares(text: str) -> tuple[int, int, int] | None:
    if text == "none":
        return None
    try:
        train, val, test = (int(number) for number in text.split(","))
    except ValueError:
        raise ConfigError(
            f"cannot read --splits {text!r}: give three percentages for train, val and test such as 70,10,20, or none"
        ) from None
    return train, val, test


@synth.command(name="ceilings", epilog=examples("stbir synth ceilings parts/S --split test"))
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--split", help="Only rows of this split; all by default.")
@JSON_OPTION
def show_ceilings(folder: Path, split: str | None, as_json: bool) -> None:
    """Print the best possible Acc@1 of a rendered part: by the drawing alone, by the words alone, by both."""
    from stbir.datasets import read_manifest
    from stbir.datasets.manifest import MANIFEST_FILE
    from stbir.synth.ceilings import ceilings

    rows = [row for row in read_manifest(folder / MANIFEST_FILE) if split is None or row.split == split]
    found = ceilings([row.attributes for row in rows])
    if as_json:
        print_json({"num_pictures": len(rows), "split": split, "ceilings": [asdict(each) for each in found]})
        return
    click.echo(f"best possible Acc@1 % among {len(rows):,} pictures, each asked for once", err=True)
    table = [
        [each.style, f"{each.num_queries:,}", *(f"{100 * share:.1f}" for share in (each.sketch, each.text, each.both))]
        for each in found
    ]
    print_table(["text", "queries", "sketch", "words", "both"], table, align_left=("text",))


@synth.command(epilog=examples("stbir synth samples --out samples/"))
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("samples"),
    show_default=True,
    help="Folder to write to.",
)
def samples(out: Path) -> None:
    """Write the sample gallery that the repository ships; files already there are kept."""
    from tqdm import tqdm

    from stbir.synth.samples import build_samples

    with tqdm(unit="object", desc="samples") as bar:
        manifest = build_samples(out, progress=_shown_on(bar))
    click.echo(str(manifest))
