"""`stbir evaluate`: how well a model finds the one right picture, on a data set and by a protocol."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

import click

from stbir.cli.output import JSON_OPTION, MODEL_OPTION, THREADS_OPTION, examples

PROTOCOL_NAMES = ("fg-sbir", "open", "stbir")


@click.command(
    epilog=examples(
        "stbir evaluate --data sketchy-125 --protocol open --out results/",
        "stbir evaluate --data samples/ --model runs/boots/bundle --json",
    )
)
@click.option(
    "--data",
    "where",
    metavar="DATA",
    required=True,
    help="A folder or zip with a manifest.jsonl, or a known data set, looked up in the folder named by STBIR_DATA.",
)
@click.option(
    "--protocol",
    type=click.Choice(PROTOCOL_NAMES),
    default="open",
    show_default=True,
    help="fg-sbir: every drawing among the photos of its category; stbir: one query per photo among all photos of the "
    "split; open: every drawing among those and all distractors.",
)
@click.option(
    "--split", metavar="NAMES", default="test", show_default=True, help="Splits that are asked, commas between."
)
@click.option(
    "--distractors",
    metavar="NAMES",
    default="gallery",
    show_default=True,
    help="Splits that are only searched, commas between; for the protocol open.",
)
@click.option(
    "--weight",
    "weights",
    metavar="PAIRS",
    help="How much each part counts, such as sketch=0.7,text=0.3; 1 each is the balance the model learned.",
)
@click.option("--seed", metavar="N", default=0, show_default=True, help="Seed of the bootstrap intervals.")
@click.option(
    "--out",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Where to write the result: figures, ranks query by query, and what they rest on. It is called "
    "DATA.PROTOCOL.json; with --model or other settings the name says which.",
)
@MODEL_OPTION
@THREADS_OPTION
@JSON_OPTION
def evaluate(
    where: str,
    protocol: str,
    split: str,
    distractors: str,
    weights: str | None,
    seed: int,
    out: Path | None,
    model_path: Path | None,
    threads: int | None,
    as_json: bool,
) -> None:
    """Measure a model on a data set.

    Asks every query by the drawing alone, by the words alone and by both, and prints Acc@1/5/10, MRR and median rank
    with 95 % intervals. Figures of different protocols cannot be compared.
    """
    from stbir.datasets import open_dataset
    from stbir.evaluate import evaluate as measure
    from stbir.evaluate import make_task
    from stbir.model.bundle import Bundle
    from stbir.model.encoder import Encoder
    from stbir.query import Weights

    splits, searched = _names(split), _names(distractors)
    given_weights = Weights.parse(weights) if weights else Weights()
    bundle = Bundle.load(model_path)
    task = make_task(protocol, open_dataset(where), splits=splits, distractors=searched)
    result = measure(
        task,
        Encoder(bundle, threads),
        bundle.info,
        weights=given_weights,
        seed=seed,
        command=_command(task.data.name, protocol, split, distractors, weights, seed, model_path),
        progress=_Progress(),
    )
    if out is not None:
        click.echo(f"wrote {result.write(out, is_shipped=model_path is None)}", err=True)
    click.echo(result.model_dump_json() if as_json else result.table())


class _Progress:
    """One bar on stderr for each of pictures, drawings and texts; none where stderr is not a terminal."""

    def __init__(self) -> None:
        self._what = ""
        self._bar: Any = None

    def __call__(self, what: str, done: int, total: int) -> None:
        from tqdm import tqdm

        if what != self._what:
            self._what = what
            self._bar = tqdm(total=total, desc=what, file=sys.stderr, disable=None, leave=False)
        self._bar.update(done - self._bar.n)
        if done >= total:
            self._bar.close()


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _command(
    data: str, protocol: str, split: str, distractors: str, weights: str | None, seed: int, model_path: Path | None
) -> str:
    """The command line that repeats the evaluation, without the directories of this machine."""
    words = ["stbir", "evaluate", "--data", data, "--protocol", protocol]
    if model_path is not None:
        words += ["--model", _portable(model_path)]
    if split != "test":
        words += ["--split", split]
    if protocol == "open" and distractors != "gallery":
        words += ["--distractors", distractors]
    if weights:
        words += ["--weight", weights]
    if seed:
        words += ["--seed", str(seed)]
    return shlex.join(words)


def _portable(path: Path) -> str:
    """A path relative to the working directory if it lies below it, else its name alone."""
    here, place = Path.cwd().resolve(), path.resolve()
    return place.relative_to(here).as_posix() if place.is_relative_to(here) else place.name
