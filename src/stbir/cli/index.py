"""`stbir index`: bring a gallery up to date with folders of pictures."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stbir.cli.output import (
    GALLERY_OPTION,
    JSON_OPTION,
    MODEL_OPTION,
    THREADS_OPTION,
    counted,
    examples,
    print_json,
    shown_path,
)
from stbir.errors import StbirError

if TYPE_CHECKING:
    from stbir.gallery.catalogue import IndexReport
    from stbir.gallery.ingest import Progress

SECONDS_BETWEEN_LINES = 10.0


@click.command(
    epilog=examples(
        "stbir index photos/ --gallery my.gallery",
        "stbir index photos/ scans.zip 'shards/*.tar' --gallery my.gallery --exclude '*/drafts/*' --exclude '*.gif'",
        "stbir index photos/ --gallery my.gallery --watch",
        "stbir index /mnt/photos --gallery my.gallery --ray auto",
        "stbir index /mnt/photos --gallery my.gallery --store milvus://milvus.example:19530/photos",
    )
)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=click.Path(path_type=Path))
@GALLERY_OPTION
@MODEL_OPTION
@click.option(
    "--exclude", metavar="GLOB", multiple=True, help="Leave out paths or names that match; may be given several times."
)
@click.option("--hidden", is_flag=True, help="Take files and folders whose name begins with a dot too.")
@click.option("--follow-links", is_flag=True, help="Go into linked folders too, into each one once.")
@click.option("--watch", is_flag=True, help="Stay, and index again whenever something changes; Ctrl-C ends it.")
@click.option(
    "--store",
    metavar="URL",
    help="Where a new gallery keeps its pictures, such as milvus://host:19530/collection, instead of its directory.",
)
@click.option(
    "--ray",
    metavar="ADDRESS",
    help="Encode on a Ray cluster: auto for the one this machine belongs to, or its address.",
)
@THREADS_OPTION
@JSON_OPTION
def index(
    paths: tuple[Path, ...],
    gallery_path: Path,
    model_path: Path | None,
    exclude: tuple[str, ...],
    hidden: bool,
    follow_links: bool,
    watch: bool,
    store: str | None,
    ray: str | None,
    threads: int | None,
    as_json: bool,
) -> None:
    """Bring a gallery up to date with folders of pictures.

    A PATH is a folder, a picture, a zip or tar archive, or a quoted pattern such as 'photos/**/*.jpg'. New and changed
    pictures are encoded, moved ones are recognised by their content, vanished ones are dropped; a second run has
    nothing to do. Files that cannot be decoded are reported and passed over. Stop it at any time with Ctrl-C: the next
    run goes on where it stopped.
    """
    from stbir.gallery.watch import changes
    from stbir.search import Gallery

    gallery = Gallery.open(gallery_path, model=model_path, threads=threads, store=store)

    def run() -> None:
        progress = _make_progress()
        try:
            with _on_ray(ray):
                report = gallery.index(
                    paths, exclude=exclude, hidden=hidden, follow_links=follow_links, progress=progress, ray=ray
                )
        except KeyboardInterrupt:
            progress.close()
            click.echo("stopped; what is encoded is kept, the same command goes on from here", err=True)
            raise
        _report(report, gallery_path, as_json=as_json, is_watching=watch)

    waiting = changes(paths, gallery.path) if watch else None
    run()
    if waiting is not None:
        _stay(run, waiting)


@contextlib.contextmanager
def _on_ray(address: str | None) -> Iterator[None]:
    """Ray tells of lost workers on stdout, where results belong: until we have left it, that goes to stderr."""
    if address is None:
        yield
        return
    from stbir.gallery.ray import leave

    with contextlib.redirect_stdout(sys.stderr):
        try:
            yield
        finally:
            leave()


def _stay(run: Callable[[], None], waiting: Iterable[bool]) -> None:
    """Run again after every change; what fails is told once and tried again, for a drive may come back."""
    click.echo("watching; Ctrl-C ends it", err=True)
    failure = ""
    for has_changed in waiting:
        if has_changed or failure:
            try:
                run()
                failure = ""
            except StbirError as error:
                if str(error) != failure:
                    click.echo(f"stbir: {error}", err=True)
                failure = str(error)


def _report(report: IndexReport, gallery_path: Path, *, as_json: bool, is_watching: bool) -> None:
    """Print what was done; while watching one line for each run that did something."""
    if as_json and is_watching:
        click.echo(json.dumps(_as_json(report, gallery_path)))
    elif as_json:
        print_json(_as_json(report, gallery_path))
    else:
        click.echo(_summary(report, gallery_path))
    sys.stdout.flush()


def _summary(report: IndexReport, gallery_path: Path) -> str:
    names = ("added", "changed", "moved", "removed", "unchanged")
    counts = [f"{getattr(report, name):,} {name}" for name in names if getattr(report, name)]
    if report.skipped:
        counts.append(f"{len(report.skipped):,} skipped")
    total = counted(report.total, "picture")
    return f"{gallery_path}: {total} ({', '.join(counts) or 'nothing to do'}) in {report.seconds:.1f} s"


def _as_json(report: IndexReport, gallery_path: Path) -> dict[str, Any]:
    return {
        "gallery": str(gallery_path.absolute()),
        "total": report.total,
        "added": report.added,
        "changed": report.changed,
        "moved": report.moved,
        "removed": report.removed,
        "unchanged": report.unchanged,
        "skipped": [{"path": str(path), "reason": reason} for path, reason in report.skipped],
        "seconds": round(report.seconds, 3),
    }


def _make_progress() -> Progress:
    """A bar with rate and time left on a terminal; elsewhere a line now and then."""
    from tqdm import tqdm

    from stbir.gallery.ingest import Progress

    class Bar(Progress):
        def __init__(self) -> None:
            self._bar: tqdm[Any] | None = None
            self._last_line = self._started = time.monotonic()
            self._num_done = self._num_skipped = self._total = 0

        def start(self, total: int) -> None:
            self._total = total
            self._last_line = self._started = time.monotonic()
            if total and sys.stderr.isatty():
                self._bar = tqdm(total=total, unit=" pictures", desc="indexing", file=sys.stderr, leave=False)

        def advance(self) -> None:
            self._num_done += 1
            if self._bar is not None:
                self._bar.update()
            elif self._num_done == self._total or time.monotonic() - self._last_line > SECONDS_BETWEEN_LINES:
                self._last_line = time.monotonic()
                elapsed = self._last_line - self._started
                meter = tqdm.format_meter(self._num_done, self._total, elapsed, prefix="indexing", unit=" pictures")
                click.echo(f"{meter}, {self._num_skipped:,} skipped" if self._num_skipped else meter, err=True)

        def skip(self, path: Path, reason: str) -> None:
            self._num_skipped += 1
            line = f"skipped {shown_path(path)}: {reason}"
            if self._bar is None:
                click.echo(line, err=True)
            else:
                self._bar.write(line, file=sys.stderr)
                self._bar.set_postfix_str(f"{self._num_skipped:,} skipped", refresh=False)

        def close(self) -> None:
            if self._bar is not None:
                self._bar.close()

    return Bar()
