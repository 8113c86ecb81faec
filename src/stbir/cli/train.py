"""`stbir train`: from a recipe to a bundle."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import click

from stbir.cli.output import JSON_OPTION, examples
from stbir.errors import MissingExtraError


@click.command(
    epilog=examples(
        "stbir train default --out runs/default",
        "stbir train my-recipe.toml --out runs/mine --set words.schedule.num_steps=800",
    )
)
@click.argument("recipe", metavar="RECIPE")
@click.option(
    "--out",
    metavar="DIR",
    type=click.Path(path_type=Path),
    default=Path("runs/default"),
    show_default=True,
    help="Folder of checkpoints, logs (*.metrics.jsonl) and the finished bundle/.",
)
@click.option(
    "--set",
    "overrides",
    metavar="FIELD=VALUE",
    multiple=True,
    help="Change a field of the recipe; may be given several times.",
)
@click.option("--threads", metavar="N", type=click.IntRange(1), help="CPU threads of PyTorch; default all.")
@click.option("--fresh", is_flag=True, help="Begin anew: checkpoints in DIR are not gone on with.")
@JSON_OPTION
def train(recipe: str, out: Path, overrides: tuple[str, ...], threads: int | None, fresh: bool, as_json: bool) -> None:
    """Train a model by RECIPE, a TOML file or the name of a shipped recipe (default).

    The corpus is prepared once and kept; stages write checkpoints, and the same command after Ctrl-C or a crash goes
    on from the last one. The data sets are looked up in the folder named by STBIR_DATA.
    """
    if find_spec("torch") is None:
        raise MissingExtraError("training", "train,hub")
    from stbir.train.run import run_recipe

    bundle = run_recipe(
        recipe, out, overrides, fresh=fresh, threads=threads, say=lambda line: click.echo(line, err=True)
    )
    if as_json:
        click.echo(json.dumps({"bundle": str(bundle.path), **bundle.info.model_dump(mode="json")}))
    else:
        click.echo(f"model {bundle.info.name} ({bundle.num_bytes / 1e6:.1f} MB): {bundle.path}")
