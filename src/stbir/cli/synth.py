"""`stbir synth`: procedural pictures with drawings and words, and the repository's sample gallery."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from stbir.cli.output import examples


def _shown_on(bar: Any) -> Callable[[int, int], None]:
    def progress(done: int, total: int) -> None:
        bar.total = total
        bar.update(done - bar.n)

    return progress


@click.group(epilog=examples("stbir synth render --count 100 --out twins/"))
def synth() -> None:
    """Make procedural pictures of objects, with drawings and words."""


@synth.command(epilog=examples("stbir synth render --count 100 --out twins/ --family mug --seed 7"))
@click.option("--count", "-n", type=click.IntRange(1), default=100, show_default=True, help="Number of objects.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder to write to.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Other seeds give other shapes.")
@click.option(
    "--size", "size_px", type=click.IntRange(32, 2048), default=224, show_default=True, help="Picture side in pixels."
)
@click.option("--drawings", type=click.IntRange(0), default=2, show_default=True, help="Drawings of each object.")
@click.option(
    "--family", "families", multiple=True, help="Family or kind, for example shoe or 'ankle boot'; repeatable."
)
def render(count: int, out: Path, seed: int, size_px: int, drawings: int, families: tuple[str, ...]) -> None:
    """Write a data set of pictures, drawings and words; an interrupted run goes on where it stopped."""
    from tqdm import tqdm

    from stbir.synth.dataset import build_dataset

    with tqdm(total=count, unit="object", desc="render") as bar:
        manifest = build_dataset(
            out,
            count,
            seed=seed,
            size_px=size_px,
            drawings_per_object=drawings,
            families=families,
            progress=_shown_on(bar),
        )
    click.echo(str(manifest))


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

    from stbir.synth.dataset import build_samples

    with tqdm(unit="object", desc="samples") as bar:
        manifest = build_samples(out, progress=_shown_on(bar))
    click.echo(str(manifest))
