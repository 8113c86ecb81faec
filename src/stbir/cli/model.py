"""`stbir model`: look at model bundles and copy them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stbir.cli.output import JSON_OPTION, MODEL_OPTION, examples, print_json, print_table, shown_bytes, shown_path
from stbir.errors import BundleError, InputError

if TYPE_CHECKING:
    from stbir.model.bundle import Bundle


@click.group(epilog=examples("stbir model info"))
def model() -> None:
    """Look at models: list, info, export."""


@model.command("list", epilog=examples("stbir model list", "stbir model list runs/"))
@click.argument("folders", nargs=-1, metavar="[DIR]...", type=click.Path(path_type=Path))
@JSON_OPTION
def list_models(folders: tuple[Path, ...], as_json: bool) -> None:
    """List and check models.

    That is the model shipped with stbir, and all below the given folders. The exit code is 2 if one is broken.
    """
    from stbir.model.bundle import DEFAULT_PATH, INFO_FILE, Bundle

    places = [DEFAULT_PATH] if (DEFAULT_PATH / INFO_FILE).is_file() else []
    for folder in folders:
        if not folder.is_dir():
            raise InputError(f"{folder} is not a folder: name one that holds models")
        places += sorted(path.parent for path in folder.rglob(INFO_FILE))
    bundles: list[Bundle] = []
    problems: dict[Path, BundleError] = {}
    for place in places:
        try:
            bundles.append(Bundle.load(place))
        except BundleError as error:
            problems[place] = error
    if as_json:
        broken = [{"path": str(place), "error": str(problem)} for place, problem in problems.items()]
        print_json([*(_as_json(bundle) for bundle in bundles), *broken])
    else:
        _print_bundles(bundles)
    reasons = list(problems.values())
    for reason in reasons[:-1]:
        click.echo(f"stbir: {reason}", err=True)
    if reasons:
        raise reasons[-1]


def _print_bundles(bundles: Sequence[Bundle]) -> None:
    rows = [
        [b.info.name, b.info.version, b.info.fingerprint[:12], shown_bytes(b.num_bytes), shown_path(b.path)]
        for b in bundles
    ]
    print_table(["name", "version", "fingerprint", "size", "path"], rows, align_left=("name", "fingerprint", "path"))


@model.command(epilog=examples("stbir model info", "stbir model info --model runs/boots/bundle --json"))
@MODEL_OPTION
@JSON_OPTION
def info(model_path: Path | None, as_json: bool) -> None:
    """Show what a model is and how it was made."""
    from stbir.model.bundle import Bundle

    bundle = Bundle.load(model_path)
    if as_json:
        print_json(_as_json(bundle))
        return
    about = bundle.info
    click.echo(f"model        {about.name} {about.version}")
    click.echo(f"description  {about.description}")
    click.echo(f"created      {about.created}")
    click.echo(f"licence      {about.licence}")
    click.echo(f"path         {shown_path(bundle.path)} ({shown_bytes(bundle.num_bytes)})")
    click.echo(f"fingerprint  {about.fingerprint}")
    click.echo(f"dimensions   sketch {about.dims.sketch}, text {about.dims.text}")
    click.echo(f"pictures     {about.image.size_px} px, drawings {about.sketch.size_px} px")
    click.echo(f"words        up to {about.text.max_tokens} tokens")
    click.echo(f"fusion       sketch {about.fusion.scale.sketch:g}, text {about.fusion.scale.text:g}")
    for heading, record in (("metric", about.metrics), ("provenance", about.provenance)):
        for name, value in record.items():
            shown = value if name != "recipe" else "shown by --json"
            click.echo(f"{heading:11}  {name}: {shown}")


@model.command(epilog=examples("stbir model export my-model/"))
@click.argument("out", metavar="DIR", type=click.Path(path_type=Path))
@MODEL_OPTION
def export(out: Path, model_path: Path | None) -> None:
    """Write a model as a bundle directory.

    For use on another machine, or to study it.
    """
    from stbir.model.bundle import MODEL_FILES, Bundle

    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} exists already: name a new directory")
    bundle = Bundle.load(model_path)
    written = Bundle.write(out, {name: bundle.path / name for name in MODEL_FILES}, bundle.info)
    click.echo(f"{out}: {written.info.name} {written.info.version} ({shown_bytes(written.num_bytes)})")


def _as_json(bundle: Bundle) -> dict[str, object]:
    return {"path": str(bundle.path), "num_bytes": bundle.num_bytes, **bundle.info.model_dump(mode="json")}
