"""`stbir data`: build, check and describe data sets, split them, and copy them into one form."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stbir.cli.data_output import print_statistics, report_json, report_text
from stbir.cli.output import JSON_OPTION, counted, examples, names, print_json, print_table
from stbir.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stbir.datasets.stats import Statistics

DATA_ARGUMENT: Callable[..., Any] = click.argument("where", metavar="DATA")
FORMAT_OPTION: Callable[..., Any] = click.option(
    "--format",
    "layout",
    metavar="NAME",
    help="The layout, instead of recognising it; options behind a colon, such as qmul:noise. `stbir data formats` "
    "lists them.",
)
GROUP_OPTION: Callable[..., Any] = click.option(
    "--group",
    "groups",
    metavar="FIELD",
    multiple=True,
    help="A field of the rows, or of their attributes, whose values may not be in two splits; repeatable.",
)
FORCE_OPTION: Callable[..., Any] = click.option("--force", "is_forced", is_flag=True, help="Replace files that exist.")

NEAR_DUPLICATE = "near-duplicate"


@click.group(
    epilog=examples(
        "stbir data check shoev2.zip",
        "stbir data build fscoco/ --out fscoco/manifest.jsonl",
        "stbir data split shoes/ --ratios train=0.9,test=0.1 --group near-duplicate --out shoes/split.jsonl",
    )
)
def data() -> None:
    """Build, check, describe, split and copy data sets of pictures, drawings and texts.

    DATA is a folder or zip in any layout that `stbir data formats` lists, a manifest or list in such a folder, or the
    name of a known data set, looked up in the folder named by STBIR_DATA.
    """


@data.command(epilog=examples("stbir data formats"))
@JSON_OPTION
def formats(as_json: bool) -> None:
    """List the layouts that are read, and their options."""
    from stbir.datasets import FORMATS

    if as_json:
        print_json(
            [{"format": name, "title": one.title, "options": dict(one.options)} for name, one in FORMATS.items()]
        )
        return
    rows = []
    for name, one in FORMATS.items():
        rows.append((name, one.title))
        rows += [(f"  :{option}", meaning) for option, meaning in one.options.items()]
    print_table(("format", "what it is"), rows, align_left=("format", "what it is"))


@data.command(
    epilog=examples(
        "stbir data check sketchy-125",
        "stbir data check ShoeV2/ --format qmul:noise",
        "stbir data check my-shoes/manifest.jsonl --group virtual_class --json",
    )
)
@DATA_ARGUMENT
@FORMAT_OPTION
@GROUP_OPTION
@click.option("--quick", "is_quick", is_flag=True, help="Decode nothing: names, kinds and contents by hash only.")
@click.option("--threads", metavar="N", type=click.IntRange(min=1), help="Threads for decoding; every core by default.")
@JSON_OPTION
def check(
    where: str, layout: str | None, groups: tuple[str, ...], is_quick: bool, threads: int | None, as_json: bool
) -> None:
    """Report everything that is wrong with a data set, in one pass.

    Errors: lines that cannot be read, ids used twice, paths that lead out, files that are missing, damaged, blank or
    over the limits, the same picture or drawing in several splits. Warnings: repeated texts, copies and look-alikes,
    names that do not fit the content, rows that lack what most have, other counts than published. The exit code is 2
    if there are errors.
    """
    from stbir.datasets import read_dataset
    from stbir.datasets.check import check as look

    with bar("check", "file") as progress:
        reading = read_dataset(where, layout, is_strict=False)
        report = look(reading, is_decoded=not is_quick, groups=groups, threads=threads, progress=progress)
    if as_json:
        print_json(report_json(report))
    else:
        click.echo(report_text(report))
    if report.num_errors:
        raise DatasetError(f"{where}: {counted(report.num_errors, 'error')}: the report names each with its place")


@data.command(epilog=examples("stbir data stats sketchy-125", "stbir data stats my-shoes/ --out plots/ --json"))
@DATA_ARGUMENT
@FORMAT_OPTION
@click.option(
    "--sample",
    metavar="N",
    type=click.IntRange(min=0),
    default=1000,
    show_default=True,
    help="How many drawings, and how many pictures, are opened at most.",
)
@click.option("--seed", metavar="N", type=int, default=0, show_default=True, help="Which ones.")
@click.option(
    "--out",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write stats.json and the plots (SVG) there; plots need the extra `report`.",
)
@JSON_OPTION
def stats(where: str, layout: str | None, sample: int, seed: int, out: Path | None, as_json: bool) -> None:
    """Describe a data set: tables, and plots with --out."""
    from stbir.datasets import read_dataset
    from stbir.datasets.stats import describe

    with bar("open", "file") as progress:
        reading = read_dataset(where, layout, is_strict=False)
        statistics = describe(reading, sample=sample, seed=seed, progress=progress)
    if out is not None:
        write_statistics(statistics, out)
    if as_json:
        click.echo(statistics.model_dump_json(indent=2))
    else:
        print_statistics(statistics)


@data.command(
    epilog=examples(
        "stbir data split my-shoes/ --ratios train=0.8,val=0.1,test=0.1 --out my-shoes/split.jsonl",
        "stbir data split my-shoes/ --ratios train=0.9,val=0.1 --keep test --group virtual_class --seed 7 "
        "--out my-shoes/split.jsonl",
    )
)
@DATA_ARGUMENT
@FORMAT_OPTION
@click.option("--ratios", metavar="PAIRS", required=True, help="Shares such as train=0.8,val=0.1,test=0.1; together 1.")
@click.option(
    "--group",
    "groups",
    metavar="FIELD",
    multiple=True,
    help="A field of the rows, or of their attributes, whose values stay together; `near-duplicate` keeps pictures "
    "that look the same, and copies of a drawing, together; repeatable. Rows of one picture file "
    "always stay together.",
)
@click.option("--stratify", metavar="FIELD", help="A field, such as category, that is spread evenly over the splits.")
@click.option("--keep", metavar="NAMES", default="", help="Splits whose rows stay where they are, commas between.")
@click.option("--seed", metavar="N", type=int, default=0, show_default=True, help="Other seeds give other splits.")
@click.option("--out", metavar="FILE", type=click.Path(path_type=Path), required=True, help="The manifest to write.")
@FORCE_OPTION
@JSON_OPTION
def split(
    where: str,
    layout: str | None,
    ratios: str,
    groups: tuple[str, ...],
    stratify: str | None,
    keep: str,
    seed: int,
    out: Path,
    is_forced: bool,
    as_json: bool,
) -> None:
    """Write a manifest with new splits: seeded, in the asked shares, whole groups, no leakage.

    The manifest lies in the folder of the files or in one above it. Which split a row gets depends on the seed and on
    the ids alone, not on the order of the rows.
    """
    from stbir.datasets import read_dataset
    from stbir.datasets.build import build_manifest
    from stbir.datasets.contents import look_alikes
    from stbir.datasets.splits import assign_splits, parse_ratios

    shares = parse_ratios(ratios)
    reading = read_dataset(where, layout)
    links: list[tuple[int, int]] = []
    if NEAR_DUPLICATE in groups:
        with bar("compare", "picture") as progress:
            links = look_alikes(reading, progress=progress)
    fields = [field for field in groups if field != NEAR_DUPLICATE]
    rows = assign_splits(
        reading.rows, shares, seed=seed, groups=fields, links=links, stratify=stratify, keep=names(keep)
    )
    build_manifest(reading, out, rows=rows, is_forced=is_forced)
    counts = {name: sum(row.split == name for row in rows) for name in dict.fromkeys([*shares, *names(keep)])}
    if as_json:
        print_json({"manifest": str(out), "rows": len(rows), "splits": counts})
    else:
        print_table(("split", "rows"), [(name, f"{count:,}") for name, count in counts.items()], align_left=("split",))


@data.command(
    epilog=examples(
        "stbir data build ShoeV2/ --out ShoeV2/manifest.jsonl",
        "stbir data build fscoco/ --format fscoco:vector,unseen --out fscoco/manifest.jsonl",
    )
)
@DATA_ARGUMENT
@FORMAT_OPTION
@click.option("--out", metavar="FILE", type=click.Path(path_type=Path), required=True, help="The manifest to write.")
@FORCE_OPTION
@JSON_OPTION
def build(where: str, layout: str | None, out: Path, is_forced: bool, as_json: bool) -> None:
    """Write the manifest of a folder in any layout; its files stay where they are.

    The manifest lies in the folder of the files or in one above it. Drawings that another format keeps in one file are
    written to strokes.jsonl beside it.
    """
    from stbir.datasets import read_dataset
    from stbir.datasets.build import build_manifest

    reading = read_dataset(where, layout)
    num_rows = build_manifest(reading, out, is_forced=is_forced)
    flaws = sum(problem.severity == "error" for problem in reading.problems)
    if flaws:
        click.echo(f"{counted(flaws, 'error')} in the data set: stbir data check tells which", err=True)
    if as_json:
        print_json({"manifest": str(out), "rows": num_rows, "errors": flaws})
    else:
        click.echo(f"{out}: {counted(num_rows, 'row')}")


@data.command("import", epilog=examples("stbir data import ShoeV2/ --out shoev2.zip"))
@DATA_ARGUMENT
@FORMAT_OPTION
@click.option(
    "--out",
    metavar="PATH",
    type=click.Path(path_type=Path),
    required=True,
    help="A folder that does not exist yet, or a name that ends in .zip.",
)
@JSON_OPTION
def import_data(where: str, layout: str | None, out: Path, as_json: bool) -> None:
    """Copy a data set, with all files that its rows name, into a folder or zip that stands alone."""
    from stbir.datasets import read_dataset
    from stbir.datasets.build import import_dataset

    reading = read_dataset(where, layout)
    with bar("copy", "file") as progress:
        num_files = import_dataset(reading, out, progress=progress)
    if as_json:
        print_json({"data": str(out), "rows": len(reading.rows), "files": num_files})
    else:
        click.echo(f"{out}: {counted(len(reading.rows), 'row')}, {counted(num_files, 'file')}")


def write_statistics(statistics: Statistics, out: Path) -> None:
    """Write `stats.json` and the plots into a folder."""
    from stbir.atomic import write_atomically
    from stbir.datasets.plots import svgs_of

    plots = svgs_of(statistics)
    out.mkdir(parents=True, exist_ok=True)
    document = json.dumps(statistics.model_dump(), indent=2)
    write_atomically(out / "stats.json", f"{document}\n".encode())
    for name, svg in plots.items():
        write_atomically(out / name, svg.encode())
    click.echo(f"wrote stats.json, {', '.join(plots)} into {out}", err=True)


@contextmanager
def bar(what: str, unit: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on stderr; none where stderr is not a terminal."""
    from tqdm import tqdm

    with tqdm(desc=what, unit=unit, file=sys.stderr, disable=None, leave=False) as shown:

        def progress(done: int, total: int) -> None:
            if total != shown.total or done < shown.n:
                shown.reset(total)
            shown.update(done - shown.n)

        yield progress
