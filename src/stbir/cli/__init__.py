"""The command line: parse, call one function, print.

Results go to stdout, progress and messages to stderr. Exit codes: 0 done, 2 a mistake of the user (one line), 130
interrupted. A traceback is a bug. Commands are imported when they are called, so that `stbir --help` is quick.
"""

from __future__ import annotations

import importlib
import importlib.util
import io
import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from stbir.errors import StbirError

EXIT_OK = 0
EXIT_ERROR = 2
EXIT_INTERRUPTED = 130

COMMANDS = {
    "index": "Bring a gallery up to date with folders of pictures.",
    "search": "Find pictures by a drawing, words, or both.",
    "serve": "Serve a gallery: the page and the HTTP interface.",
    "gallery": "Look into a gallery, keep it sound, take it elsewhere.",
    "model": "Look at models: list, info, export.",
    "data": "Build, check and describe data sets.",
    "synth": "Render the procedural sample pictures.",
    "train": "Train a model from a recipe.",
    "evaluate": "Measure a model, or any other system, on a data set.",
    "experiment": "Compare systems: tables, plots and a report, with intervals.",
}


class LazyGroup(click.Group):
    """A group whose commands live in modules of this package and are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The commands that are installed, in the order in which people need them."""
        return [name for name in COMMANDS if importlib.util.find_spec(f"{__name__}.{name}") is not None]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        if cmd_name not in self.list_commands(ctx):
            return None
        command = getattr(importlib.import_module(f"{__name__}.{cmd_name}"), cmd_name)
        if not isinstance(command, click.Command):
            raise TypeError(f"stbir.cli.{cmd_name} has no click command called {cmd_name!r}")
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; that nobody reads its output any more, as in `stbir ... | head`, is no error."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            _silence_stdout()
            raise click.exceptions.Exit(EXIT_OK) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands with their one line, importing none."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name]) for name in self.list_commands(ctx)])


def _print_version(ctx: click.Context, _option: click.Parameter, is_asked: bool) -> None:
    if is_asked:
        import stbir

        click.echo(f"stbir {stbir.__version__}")
        ctx.exit()


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="\b\nExample:\n"
    "  stbir index photos/ --gallery my.gallery\n"
    '  stbir search --gallery my.gallery --sketch boot.json --text "red suede boot"',
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Print the version."
)
def cli() -> None:
    """Find the one picture you mean, in your own collection, by a rough drawing plus a few words."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: What follows `stbir`; None takes the process's own.

    Returns:
        The exit code.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # file names that the terminal cannot show
    try:
        code = _run(given or ["--help"])
        sys.stdout.flush()
    except BrokenPipeError:
        _silence_stdout()
        return EXIT_OK
    return code


def _run(arguments: list[str]) -> int:
    """Run one command and turn what it raises into a line and an exit code."""
    try:
        result = cli.main(arguments, prog_name="stbir", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return EXIT_ERROR
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else "stbir"
        return _complain(f"{_one_line(error.format_message())} ({where} --help tells more)")
    except click.ClickException as error:
        return _complain(_one_line(error.format_message()))
    except StbirError as error:
        return _complain(_one_line(str(error)))
    except (click.Abort, KeyboardInterrupt):
        click.echo("stbir: interrupted", err=True)
        return EXIT_INTERRUPTED
    except OSError as error:
        if error.strerror is None:
            raise
        return _complain(
            f"{error.filename or 'a file'}: {error.strerror}; check the path, the access rights and the disk"
        )
    return result if isinstance(result, int) else EXIT_OK


def _complain(message: str) -> int:
    click.echo(f"stbir: {message}", err=True)
    return EXIT_ERROR


def _one_line(message: str) -> str:
    return " ".join(message.split())


def _silence_stdout() -> None:
    """Nobody reads any more: let the interpreter's last flush go nowhere."""
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, sys.stdout.fileno())
    os.close(sink)
