"""`stbir gallery`: look into a gallery and keep it sound."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from stbir.cli.output import (
    GALLERY_OPTION,
    JSON_OPTION,
    counted,
    examples,
    print_json,
    print_table,
    shown_bytes,
    shown_path,
)
from stbir.errors import GalleryError, InputError


@click.group(epilog=examples("stbir gallery info --gallery my.gallery"))
def gallery() -> None:
    """Look into a gallery: info, list, remove, verify."""


@gallery.command(epilog=examples("stbir gallery info --gallery my.gallery"))
@GALLERY_OPTION
@JSON_OPTION
def info(gallery_path: Path, as_json: bool) -> None:
    """Show size, folders and model of a gallery."""
    from stbir.search import Gallery

    found = Gallery.open(gallery_path, create=False).info()
    if as_json:
        print_json(
            {
                "path": str(found.path),
                "store": found.store,
                "created": found.created,
                "num_pictures": found.num_pictures,
                "num_skipped": found.num_skipped,
                "num_bytes": found.num_bytes,
                "model": found.model.model_dump(),
                "folders": [{"path": str(f.path), "num_pictures": f.num_pictures} for f in found.folders],
            }
        )
        return
    dims = found.model.dims
    click.echo(f"gallery   {shown_path(found.path)}")
    if found.store:
        click.echo(f"store     {found.store}")
    click.echo(f"pictures  {found.num_pictures:,}" + (f" ({found.num_skipped:,} skipped)" if found.num_skipped else ""))
    click.echo(f"size      {shown_bytes(found.num_bytes)}")
    click.echo(f"created   {found.created}")
    click.echo(f"model     {found.model}, {dims.sketch} + {dims.text} dimensions")
    for folder in found.folders:
        click.echo(f"folder    {shown_path(folder.path)} ({counted(folder.num_pictures, 'picture')})")


@gallery.command("list", epilog=examples("stbir gallery list --gallery my.gallery"))
@GALLERY_OPTION
@JSON_OPTION
def list_pictures(gallery_path: Path, as_json: bool) -> None:
    """List the pictures in order of path."""
    from stbir.search import Gallery

    entries = Gallery.open(gallery_path, create=False).entries()
    if as_json:
        print_json([asdict(entry) for entry in entries])
    else:
        rows = [[entry.id, f"{entry.width} x {entry.height}", shown_path(entry.path)] for entry in entries]
        print_table(["id", "pixels", "path"], rows, align_left=("id", "path"))


@gallery.command(
    epilog=examples(
        "stbir gallery remove --gallery my.gallery 3f9a1c20b7de",
        "stbir gallery remove --gallery my.gallery --under photos/old",
        "stbir gallery remove --gallery my.gallery --missing",
    )
)
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--under", metavar="DIR", type=click.Path(path_type=Path), help="All pictures below this folder.")
@click.option("--missing", is_flag=True, help="All pictures whose file is no longer there.")
@GALLERY_OPTION
@JSON_OPTION
def remove(ids: tuple[str, ...], under: Path | None, missing: bool, gallery_path: Path, as_json: bool) -> None:
    """Forget pictures; their files are not touched."""
    from stbir.search import Gallery

    if not (ids or under or missing):
        raise InputError("nothing to remove: give ids (see stbir gallery list), --under DIR, or --missing")
    removed = Gallery.open(gallery_path, create=False).remove(ids, under=under, missing=missing)
    if as_json:
        print_json([asdict(entry) for entry in removed])
    else:
        click.echo(f"{gallery_path}: {counted(len(removed), 'picture')} removed")


@gallery.command(epilog=examples("stbir gallery verify --gallery my.gallery"))
@GALLERY_OPTION
@JSON_OPTION
def verify(gallery_path: Path, as_json: bool) -> None:
    """Read and check every row.

    The exit code is 2 if something is damaged. A file that is no longer there is no damage.
    """
    from stbir.search import Gallery

    check = Gallery.open(gallery_path, create=False).verify()
    if as_json:
        print_json(asdict(check))
    else:
        for problem in check.problems:
            click.echo(problem)
        for path in check.missing:
            click.echo(f"{shown_path(path)}: the file is no longer there; stbir index drops or finds it")
    if check.problems:
        raise GalleryError(
            f"{gallery_path}: {counted(len(check.problems), 'problem')} in {counted(check.num_pictures, 'picture')}: "
            "delete the gallery and index again"
        )
    if not as_json:
        click.echo(f"{gallery_path}: {counted(check.num_pictures, 'picture')} checked, no damage")
