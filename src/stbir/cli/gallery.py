"""`stbir gallery`: look into a gallery and keep it sound."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from stbir.cli.output import (
    GALLERY_OPTION,
    JSON_OPTION,
    MODEL_OPTION,
    THREADS_OPTION,
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
    """Look into a gallery, keep it sound, take it elsewhere."""


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


@gallery.command(
    epilog=examples("stbir gallery verify --gallery my.gallery", "stbir gallery verify --gallery my.gallery --files")
)
@click.option("--files", is_flag=True, help="Read every picture's file too and compare it with what was encoded.")
@GALLERY_OPTION
@JSON_OPTION
def verify(files: bool, gallery_path: Path, as_json: bool) -> None:
    """Read and check every row.

    The exit code is 2 if something is damaged. A file that is no longer there, or has changed, is no damage.
    """
    from stbir.search import Gallery

    check = Gallery.open(gallery_path, create=False, read_only=True).verify(files=files)
    if as_json:
        print_json(asdict(check))
    else:
        for problem in check.problems:
            click.echo(problem)
        for path in check.missing:
            click.echo(f"{shown_path(path)}: the file is no longer there; stbir index drops or finds it")
        for path in check.changed:
            click.echo(f"{shown_path(path)}: the file has changed; stbir index encodes it anew")
    if check.problems:
        raise GalleryError(
            f"{gallery_path}: {counted(len(check.problems), 'problem')} in {counted(check.num_pictures, 'picture')}: "
            f"run stbir gallery repair --gallery {gallery_path}"
        )
    if not as_json:
        click.echo(f"{gallery_path}: {counted(check.num_pictures, 'picture')} checked, no damage")


@gallery.command(epilog=examples("stbir gallery repair --gallery my.gallery"))
@GALLERY_OPTION
@MODEL_OPTION
@THREADS_OPTION
@JSON_OPTION
def repair(gallery_path: Path, model_path: Path | None, threads: int | None, as_json: bool) -> None:
    """Make a damaged gallery sound.

    Damaged rows are encoded anew from their files; rows whose file is gone or changed are dropped, and the next index
    finds what lies there. Index and quick copy are rebuilt.
    """
    from stbir.search import Gallery

    done = Gallery.open(gallery_path, model=model_path, create=False, threads=threads).repair()
    if as_json:
        print_json(asdict(done))
        return
    if done.went_back_to is not None:
        click.echo(f"the newest state could not be opened: went back to version {done.went_back_to}")
    click.echo(
        f"{gallery_path}: {counted(done.num_pictures, 'picture')}, {len(done.encoded):,} encoded anew, "
        f"{len(done.dropped):,} dropped"
    )


@gallery.command(epilog=examples("stbir gallery compact --gallery my.gallery"))
@GALLERY_OPTION
@click.option(
    "--keep-hours", metavar="H", type=click.FloatRange(min=0), default=1.0, show_default=True, help="Keep versions."
)
def compact(gallery_path: Path, keep_hours: float) -> None:
    """Join what many commits have scattered and drop old versions."""
    from datetime import timedelta

    from stbir.search import Gallery

    saved = Gallery.open(gallery_path, create=False).compact(keep_versions=timedelta(hours=keep_hours))
    click.echo(f"{gallery_path}: {shown_bytes(max(0, saved))} freed")


@gallery.command(epilog=examples("stbir gallery versions --gallery my.gallery"))
@GALLERY_OPTION
@JSON_OPTION
def versions(gallery_path: Path, as_json: bool) -> None:
    """List the states that can be gone back to."""
    from stbir.search import Gallery

    found = Gallery.open(gallery_path, create=False, read_only=True).versions()
    if as_json:
        print_json([asdict(version) | {"created": version.created.isoformat()} for version in found])
        return
    rows = [
        [
            str(version.number),
            f"{version.created:%Y-%m-%d %H:%M:%S}",
            f"{version.num_pictures:,}",
            ", ".join((*version.pins, *(("now",) if version.is_current else ()))),
        ]
        for version in found
    ]
    print_table(["version", "committed", "pictures", "pinned as"], rows, align_left=("committed", "pinned as"))


@gallery.command(
    epilog=examples(
        "stbir gallery pin before-sale --gallery my.gallery", "stbir gallery pin old --version 3 --gallery my.gallery"
    )
)
@click.argument("name")
@click.option("--version", metavar="N", help="Which version; the present one by default.")
@GALLERY_OPTION
def pin(name: str, version: str | None, gallery_path: Path) -> None:
    """Keep a version under a name; while one is pinned, no version goes."""
    from stbir.search import Gallery

    pinned = Gallery.open(gallery_path, create=False).pin(name, version)
    click.echo(f"{gallery_path}: version {pinned.number} is pinned as {name}")


@gallery.command(epilog=examples("stbir gallery unpin before-sale --gallery my.gallery"))
@click.argument("name")
@GALLERY_OPTION
def unpin(name: str, gallery_path: Path) -> None:
    """Pin a version no longer."""
    from stbir.search import Gallery

    Gallery.open(gallery_path, create=False).unpin(name)
    click.echo(f"{gallery_path}: nothing is pinned as {name} any more")


@gallery.command(epilog=examples("stbir gallery rollback before-sale --gallery my.gallery"))
@click.argument("version")
@GALLERY_OPTION
def rollback(version: str, gallery_path: Path) -> None:
    """Make an older version (its number or pin) the present state; that can be undone."""
    from stbir.search import Gallery

    now = Gallery.open(gallery_path, create=False).rollback(version)
    click.echo(f"{gallery_path}: {counted(now.num_pictures, 'picture')}, as in version {version}; now {now.number}")


@gallery.command(epilog=examples("stbir gallery export my-gallery.parquet --gallery my.gallery"))
@click.argument("file", metavar="FILE.parquet", type=click.Path(path_type=Path))
@GALLERY_OPTION
def export(file: Path, gallery_path: Path) -> None:
    """Write the gallery to one Parquet file: columns, vectors and thumbnails."""
    from stbir.search import Gallery

    done = Gallery.open(gallery_path, create=False, read_only=True).export(file)
    click.echo(f"{done.path}: {counted(done.num_pictures, 'picture')}, {shown_bytes(done.num_bytes)}")


@gallery.command(
    "import",
    epilog=examples(
        "stbir gallery import my-gallery.parquet --gallery new.gallery",
        "stbir gallery import my-gallery.parquet --gallery new.gallery --moved /mnt/photos=/srv/photos",
    ),
)
@click.argument("file", metavar="FILE.parquet", type=click.Path(path_type=Path))
@GALLERY_OPTION
@click.option("--moved", metavar="OLD=NEW", multiple=True, help="Where a folder lies on this machine.")
def import_(file: Path, gallery_path: Path, moved: tuple[str, ...]) -> None:
    """Make a new gallery of a file that `stbir gallery export` wrote."""
    from stbir.gallery.export import import_parquet

    pairs = {}
    for each in moved:
        old, separator, new = each.partition("=")
        if not (separator and old and new):
            raise InputError(f"cannot read --moved {each!r}: write OLD=NEW, such as /mnt/photos=/srv/photos")
        pairs[old] = new
    store = import_parquet(file, gallery_path, pairs)
    click.echo(f"{gallery_path}: {counted(len(store.table), 'picture')} imported")


@gallery.command("import-metadata", epilog=examples("stbir gallery import-metadata prices.csv --gallery my.gallery"))
@click.argument("file", type=click.Path(path_type=Path))
@GALLERY_OPTION
@JSON_OPTION
def import_metadata(file: Path, gallery_path: Path, as_json: bool) -> None:
    """Give pictures columns of your own from a CSV, TSV, JSON or JSON lines file, for --where.

    Each row names a picture by id, path or name.
    """
    from stbir.search import Gallery

    done = Gallery.open(gallery_path, create=False).attach_metadata(file)
    if as_json:
        print_json(asdict(done))
        return
    columns = ", ".join(f"{name} ({kind})" for name, kind in done.columns.items())
    click.echo(f"{gallery_path}: {counted(done.num_pictures, 'picture')} with {columns}")
    if done.unknown:
        click.echo(f"{counted(len(done.unknown), 'row')} named no picture, such as {done.unknown[0]}", err=True)
