"""`stbir experiment`: tables and plots of several systems, data sets and noises, one command each."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from stbir.cli.output import JSON_OPTION, MODEL_OPTION, THREADS_OPTION, examples, names

TITLES = {
    "main": "Systems by drawing, by words and by both, on every data set.",
    "ablation": "The first system whole, the others with a part left out; differences with p-values.",
    "robustness": "Accuracy by severity of each noise, area under the curve, harm.",
    "gallery-size": "How accuracy falls as the gallery grows.",
    "partial": "How early an unfinished drawing finds the picture.",
    "cost": "Bytes, milliseconds and pictures per second of models.",
    "significance": "Every pair of systems compared query by query, or result files of stbir evaluate.",
}
_EXAMPLES = {
    "main": "stbir experiment main --data samples --out results/",
    "ablation": "stbir experiment ablation --data sketchy-125 --system bundle:full --system bundle:no-curriculum "
    "--out results/",
    "robustness": "stbir experiment robustness --data sketchy-125 --noise sketch-mixed --noise typos --out results/",
    "gallery-size": "stbir experiment gallery-size --data sketchy-125 --out results/",
    "partial": "stbir experiment partial --data samples --shares 0.2,0.4,0.6,0.8 --out results/",
    "cost": "stbir experiment cost --data samples --out results/",
    "significance": "stbir experiment significance --result ours.json --result theirs.json --out results/",
}
_DEFAULT_SYSTEMS = {
    "main": ("model", "mean", "weighted=0.5", "rrf", "classic", "random"),
    "ablation": ("model", "mean", "weighted=0.5", "rrf"),
    "significance": ("model", "mean", "weighted=0.5", "rrf"),
}


@click.group(
    epilog=examples(
        "stbir experiment main --data samples --out results/",
        "stbir experiment robustness --data sketchy-125 --noise wobble --noise typos --out results/",
        "stbir experiment significance --result ours.json --result theirs.json --out results/",
        "stbir experiment main --config experiments.toml --out results/",
    )
)
def experiment() -> None:
    """Compare systems: tables, plots and a report, with intervals.

    Writes NAME.json (all figures and what they rest on), NAME.md, plots/*.svg and report.html into --out. What was
    measured is kept in --cache, so an interrupted run goes on where it stopped and experiments share their parts.
    """


_OPTIONS = (
    click.option(
        "--config", metavar="FILE", type=click.Path(path_type=Path), help="Settings as TOML; options override them."
    ),
    click.option(
        "--data",
        metavar="DATA",
        multiple=True,
        help="A data set: a folder, zip or known name, then settings, such as "
        "sketchy-125,protocol=fg-sbir,split=val+test; repeatable. [default: samples]",
    ),
    click.option(
        "--system",
        "systems",
        metavar="SYSTEM",
        multiple=True,
        help="model, mean, weighted=SHARE, rrf, classic, random, bundle:DIR, run:FILE or MODULE:FUNCTION; repeatable, "
        "the first is the one that others are compared with.",
    ),
    click.option("--resamples", "num_resamples", metavar="N", type=int, help="Of the bootstrap. [default: 2000]"),
    click.option("--seed", metavar="N", type=int, help="Of the bootstrap. [default: 0]"),
    click.option(
        "--out", metavar="DIR", type=click.Path(file_okay=False, path_type=Path), required=True, help="Where to write."
    ),
    click.option(
        "--cache",
        metavar="DIR",
        type=click.Path(file_okay=False, path_type=Path),
        help="Where measured parts are kept. [default: OUT/cache]",
    ),
    MODEL_OPTION,
    THREADS_OPTION,
    JSON_OPTION,
)
_OWN_OPTIONS: dict[str, tuple[Callable[..., Any], ...]] = {
    "robustness": (
        click.option(
            "--noise",
            "noises",
            metavar="NAME",
            multiple=True,
            help="Repeatable; all stands for every one. [default: those of drawings and words]",
        ),
        click.option("--severities", metavar="NUMBERS", help="From 0 to 5, commas between. [default: 0,1,2,3,4,5]"),
        click.option("--noise-seeds", metavar="NUMBERS", help="Seeds of the noises, commas between. [default: 0]"),
    ),
    "gallery-size": (click.option("--sizes", metavar="NUMBERS", help="Numbers of pictures, commas between."),),
    "partial": (click.option("--shares", metavar="NUMBERS", help="Shares of the ink, such as 0.2,0.5,1."),),
    "significance": (
        click.option(
            "--result",
            "results",
            metavar="FILE",
            multiple=True,
            type=click.Path(path_type=Path),
            help="Compare result files of stbir evaluate instead; two or more, of the same data and protocol.",
        ),
    ),
}


def _command(name: str) -> click.Command:
    def call(**given: Any) -> None:
        _run(name, **given)

    call.__doc__ = TITLES[name]
    for option in reversed((*_OPTIONS, *_OWN_OPTIONS.get(name, ()))):
        call = option(call)
    return experiment.command(name, help=TITLES[name], epilog=examples(_EXAMPLES[name]))(call)


def _run(
    name: str,
    *,
    config: Path | None,
    out: Path,
    cache: Path | None,
    model_path: Path | None,
    threads: int | None,
    as_json: bool,
    results: tuple[Path, ...] = (),
    **given: Any,
) -> None:
    from stbir.errors import MissingExtraError
    from stbir.evaluate.experiments import EXPERIMENTS, Runner, load_settings, write_pages
    from stbir.evaluate.experiments.significance import run as compare

    lists = {key: names(given[key]) for key in ("severities", "noise_seeds", "sizes", "shares") if given.get(key)}
    overrides = {key: value or None for key, value in given.items() if key != "seed"} | lists
    overrides["seed"] = given["seed"]
    if config is None and not given["systems"]:
        overrides["systems"] = _DEFAULT_SYSTEMS.get(name)
    settings = load_settings(config, overrides)
    runner = Runner.make(settings, model=model_path, threads=threads, folder=cache or out / "cache")
    command = shlex.join(_words(name, config, given, model_path, results, out))
    if name == "significance" and results:
        found = compare(runner, command, results)
    else:
        found = EXPERIMENTS[name](runner, command)
    try:
        for path in write_pages(found, out):
            click.echo(f"wrote {path}", err=True)
    except MissingExtraError as error:
        click.echo(f"no plots and no report: {error}", err=True)
    if as_json:
        click.echo(found.model_dump_json())
    else:
        from stbir.evaluate.result import aligned

        for table in found.tables:
            click.echo("\n".join([table.title, "", *aligned(table.words()), "", *table.notes, ""]))


def _words(
    name: str, config: Path | None, given: dict[str, Any], model_path: Path | None, results: tuple[Path, ...], out: Path
) -> list[str]:
    """The command line that repeats the experiment, without the directories of this machine."""
    from stbir.cli.evaluate import portable

    words = ["stbir", "experiment", name]
    words += ["--config", portable(config)] if config else []
    for option, key in (("--data", "data"), ("--system", "systems"), ("--noise", "noises")):
        words += [word for value in given.get(key) or () for word in (option, _portable_data(value))]
    for option in ("severities", "noise_seeds", "sizes", "shares", "num_resamples", "seed"):
        if given.get(option) is not None:
            words += [f"--{option.replace('num_', '').replace('_', '-')}", str(given[option])]
    words += ["--model", portable(model_path)] if model_path else []
    words += [word for path in results for word in ("--result", portable(path))]
    return [*words, "--out", portable(out)]


def _portable_data(value: str) -> str:
    """A data set or system with its path made portable, its settings kept."""
    from stbir.cli.evaluate import portable

    kind, separator, rest = value.partition(":") if value.startswith(("bundle:", "run:")) else ("", "", value)
    path, comma, settings = rest.partition(",")
    if "/" in path and Path(path).exists():
        path = portable(Path(path))
    return kind + separator + path + comma + settings


@experiment.command(epilog=examples("stbir experiment report --out results/"))
@click.option(
    "--out", metavar="DIR", type=click.Path(file_okay=False, path_type=Path), required=True, help="Where results lie."
)
def report(out: Path) -> None:
    """Write report.html anew from all results in a folder."""
    from stbir.evaluate.experiments import write_report

    click.echo(str(write_report(out)))


for _name in TITLES:
    _command(_name)
