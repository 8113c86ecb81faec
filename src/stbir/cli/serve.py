"""`stbir serve`: the page and the service over one gallery."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stbir.cli.output import MODEL_OPTION, counted, examples
from stbir.errors import InputError

if TYPE_CHECKING:
    from stbir.web.keys import HashedKey


@click.command(
    epilog=examples(
        "stbir serve --gallery my.gallery",
        "stbir serve --new-key --api-key-file keys.txt",
        "stbir serve --gallery my.gallery --host 0.0.0.0 --api-key-file keys.txt --read-only",
    )
)
@click.option(
    "--gallery",
    "-g",
    "gallery_path",
    metavar="DIR",
    envvar="STBIR_GALLERY",
    type=click.Path(path_type=Path),
    help="The gallery's directory; also read from STBIR_GALLERY.",
)
@click.option(
    "--host",
    metavar="ADDRESS",
    default="127.0.0.1",
    show_default=True,
    help="Where to listen; anything but this machine needs a key.",
)
@click.option(
    "--port",
    metavar="N",
    default=8000,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="Port to listen on; 0 takes a free one.",
)
@click.option(
    "--api-key",
    "api_keys",
    metavar="KEY",
    multiple=True,
    envvar="STBIR_API_KEY",
    help="Let in who sends this key; also read from STBIR_API_KEY. Other users of the machine can see command "
    "lines: better use --api-key-file.",
)
@click.option(
    "--api-key-file",
    "key_file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Let in whose key's hash stands in this file.",
)
@click.option("--new-key", is_flag=True, help="Print a new key, add its hash to --api-key-file, and stop.")
@click.option("--read-only", is_flag=True, help="Clients cannot have the gallery indexed again.")
@click.option(
    "--exclude",
    metavar="GLOB",
    multiple=True,
    help="Leave out paths or names that match when a client has the gallery indexed again; may be given several times.",
)
@click.option(
    "--rate",
    metavar="N",
    type=click.FloatRange(min=0, min_open=True),
    help="Requests per second of one client, on average; no limit on this machine, else 20.",
)
@click.option(
    "--max-searches",
    metavar="N",
    default=64,
    show_default=True,
    type=click.IntRange(min=1),
    help="Searches running or waiting; more are told to come back.",
)
@click.option(
    "--max-connections",
    metavar="N",
    default=512,
    show_default=True,
    type=click.IntRange(min=1),
    help="Open connections; more are closed at once.",
)
@click.option(
    "--patience",
    "patience_s",
    metavar="SECONDS",
    default=10.0,
    show_default=True,
    type=click.FloatRange(min=0, min_open=True),
    help="How long a request may take to arrive.",
)
@click.option(
    "--hide-paths", is_flag=True, help="Answers name files below their folder only; always so for other machines."
)
@click.option(
    "--log-format",
    type=click.Choice(["json", "text"]),
    default="text",
    show_default=True,
    help="One line for each request on stderr.",
)
@click.option("--log-queries", is_flag=True, help="Log the words that were asked for, which may be private.")
@click.option("--open", "is_opened", is_flag=True, help="Open the page in the browser.")
@MODEL_OPTION
@click.option(
    "--threads", metavar="N", type=click.IntRange(min=1), help="Encodings at the same time; every core by default."
)
def serve(
    gallery_path: Path | None,
    host: str,
    port: int,
    api_keys: tuple[str, ...],
    key_file: Path | None,
    new_key: bool,
    read_only: bool,
    exclude: tuple[str, ...],
    rate: float | None,
    max_searches: int,
    max_connections: int,
    patience_s: float,
    hide_paths: bool,
    log_format: str,
    log_queries: bool,
    is_opened: bool,
    model_path: Path | None,
    threads: int | None,
) -> None:
    """Serve the page and the HTTP interface of a gallery, until Ctrl-C.

    Only this machine can reach it, unless --host says otherwise, which needs a key.
    """
    if new_key:
        _make_key(key_file)
        return
    if gallery_path is None:
        raise click.UsageError("Missing option '--gallery' / '-g'.")
    # Searches run side by side in threads; a BLAS that splits each of them over all cores only makes them wait for each
    # other. It reads this when NumPy is imported.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from stbir.search import Gallery
    from stbir.web import Settings, create_app
    from stbir.web.settings import is_loopback

    is_local = is_loopback(host)
    settings = Settings(
        host=host,
        port=port,
        keys=_read_keys(api_keys, key_file),
        threads=threads,
        requests_per_s=rate if rate is not None or is_local else 20.0,
        max_searches=max_searches,
        max_connections=max_connections,
        body_timeout_s=patience_s,
        is_writable=not read_only,
        exclude=exclude,
        shows_paths=is_local and not hide_paths,
        logs_queries=log_queries,
        log_format=log_format,  # type: ignore[arg-type]  # click has checked it
    )
    settings.check()
    from stbir.web.server import serve as run

    gallery = Gallery.open(gallery_path, model=model_path, create=False, threads=1)
    app = create_app(gallery, settings)
    num_pictures = app.state.service.live.state.info.num_pictures

    def say(url: str) -> None:
        click.echo(f"{gallery_path} with {counted(num_pictures, 'picture')}: {url} (stop with Ctrl-C)", err=True)
        if is_opened:
            click.launch(url)

    run(app, settings, say)


def _read_keys(api_keys: tuple[str, ...], key_file: Path | None) -> tuple[HashedKey, ...]:
    from stbir.web.keys import HashedKey, read_keys

    return (*(HashedKey.of(key) for key in api_keys), *(() if key_file is None else read_keys(key_file)))


def _make_key(key_file: Path | None) -> None:
    """Print a new key and keep its hash."""
    if key_file is None:
        raise InputError("where should the hash of the new key be kept? add --api-key-file FILE")
    from stbir.web.keys import add_key, new_key

    key, hashed = new_key()
    add_key(key_file, hashed)
    click.echo(key)
    click.echo(f"this key is shown once; its hash {hashed.id} was added to {key_file}", err=True)
