"""`stbir evaluate`: how well a system finds the one right picture, on a data set and by a protocol."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

import click

from stbir.cli.output import JSON_OPTION, MODEL_OPTION, THREADS_OPTION, examples, names

PROTOCOL_NAMES = ("fg-sbir", "open", "stbir")
GROUPS = ("category", "detail", "agreement")

DATA_HELP = "A folder or zip with a manifest.jsonl, or a known data set, looked up in the folder named by STBIR_DATA."


@click.command(
    epilog=examples(
        "stbir evaluate --data sketchy-125 --protocol open --out results/",
        "stbir evaluate --data samples/ --model runs/boots/bundle --json",
        "stbir evaluate --data samples/ --corrupt wobble:3 --by agreement",
        "stbir evaluate --data samples/ --write-task task/     # what somebody else's system must answer",
        "stbir evaluate --data samples/ --run theirs.trec",
    )
)
@click.option("--data", "where", metavar="DATA", required=True, help=DATA_HELP)
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
@click.option(
    "--system",
    metavar="SYSTEM",
    default="model",
    show_default=True,
    help="What is measured: model (the shipped one, or --model); mean, weighted=SHARE or rrf: the same model under "
    "other rules of fusion; classic (edge directions and colour words), random; or MODULE:FUNCTION, a Python function.",
)
@click.option(
    "--run",
    "runs",
    metavar="FILE",
    multiple=True,
    help="Measure somebody else's system by its ranked lists (JSONL, TREC or CSV, .gz too) for sketch+text; "
    "sketch=FILE and text=FILE give the other ways of asking.",
)
@click.option(
    "--corrupt", metavar="NAME:SEVERITY", help="Put a noise on all queries or pictures, such as wobble:3; 0 to 5."
)
@click.option("--noise-seed", metavar="N", type=int, default=0, show_default=True, help="Seed of the noise.")
@click.option(
    "--by",
    type=click.Choice(GROUPS),
    help="Also by groups: category; detail: how much is drawn; agreement: how alike people drew the same photo.",
)
@click.option("--seed", metavar="N", default=0, show_default=True, help="Seed of the bootstrap intervals.")
@click.option(
    "--write-task",
    "task_folder",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Measure nothing; write queries.jsonl, gallery.jsonl and qrels.txt for somebody else's system.",
)
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
    system: str,
    runs: tuple[str, ...],
    corrupt: str | None,
    noise_seed: int,
    by: str | None,
    seed: int,
    task_folder: Path | None,
    out: Path | None,
    model_path: Path | None,
    threads: int | None,
    as_json: bool,
) -> None:
    """Measure a model, or any other system, on a data set.

    Asks every query by the drawing alone, by the words alone and by both, and prints Acc@1/5/10, MRR and median rank
    with 95 % intervals. Figures of different protocols cannot be compared.
    """
    from stbir.datasets import open_dataset
    from stbir.evaluate import Noise, SystemFactory, make_task, run_system, write_task
    from stbir.evaluate import evaluate as measure
    from stbir.evaluate.result import aligned
    from stbir.query import Weights

    task = make_task(protocol, open_dataset(where), splits=names(split), distractors=names(distractors))
    if corrupt:
        task = task.with_noise(Noise.parse(corrupt, noise_seed))
    if task_folder is not None:
        write_task(task.with_noise(None), task_folder)
        click.echo(f"wrote queries.jsonl, gallery.jsonl and qrels.txt into {task_folder}", err=True)
        return
    given_weights = Weights.parse(weights) if weights else None
    factory = SystemFactory(model_path, threads=threads, weights=given_weights)
    measured = run_system(list(runs)) if runs else factory.make(system)
    options = {
        "--model": None if model_path is None else portable(model_path),
        "--split": split if split != "test" else None,
        "--distractors": distractors if protocol == "open" and distractors != "gallery" else None,
        "--weight": weights,
        "--system": system if system != "model" and not runs else None,
        "--corrupt": corrupt,
        "--noise-seed": str(noise_seed) if corrupt and noise_seed else None,
        "--seed": str(seed) if seed else None,
    }
    words = ["stbir", "evaluate", "--data", task.data.name, "--protocol", protocol]
    words += [word for name, value in options.items() if value is not None for word in (name, value)]
    words += [word for run in runs for word in ("--run", run)]
    result = measure(task, measured, seed=seed, command=shlex.join(words), progress=StepBars())
    if out is not None:
        is_shipped = model_path is None and system == "model" and not runs
        click.echo(f"wrote {result.write(out, is_shipped=is_shipped)}", err=True)
    if as_json:
        click.echo(result.model_dump_json())
        return
    click.echo(result.table())
    if by is not None:
        click.echo("\n" + "\n".join(aligned(result.breakdown(by))))  # type: ignore[arg-type]


class StepBars:
    """One bar on stderr for each of pictures, drawings and texts; none where stderr is not a terminal."""

    def __init__(self) -> None:
        self._what = ""
        self._bar: Any = None

    def __call__(self, what: str, done: int, total: int) -> None:
        """Show how far a step is."""
        from tqdm import tqdm

        if what != self._what:
            self._what = what
            self._bar = tqdm(total=total, desc=what, file=sys.stderr, disable=None, leave=False)
        self._bar.update(done - self._bar.n)
        if done >= total:
            self._bar.close()


def portable(path: Path) -> str:
    """A path relative to the working directory if it lies below it, else its name alone."""
    here, place = Path.cwd().resolve(), path.resolve()
    return place.relative_to(here).as_posix() if place.is_relative_to(here) else place.name
