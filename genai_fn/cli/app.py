"""The command line: its commands, and the mapping from errors to exit codes."""

import io
import os
import sys
from collections.abc import Callable, Sequence
from inspect import cleandoc
from typing import Annotated, Any, TextIO

import typer
from typer.main import get_command

import genai_fn
from genai_fn.cli.commands import batches, caches, files, models, stores
from genai_fn.cli.commands.chat import chat
from genai_fn.cli.commands.embed import embed
from genai_fn.cli.commands.emulate import emulate
from genai_fn.cli.commands.explain import explain
from genai_fn.cli.commands.generate import generate
from genai_fn.cli.commands.images import images
from genai_fn.cli.commands.live import live
from genai_fn.cli.commands.tokens import tokens
from genai_fn.cli.exit_codes import EXIT_FAILURE, EXIT_INTERRUPTED, EXIT_USAGE
from genai_fn.cli.terminal import print_message

__all__ = ["run_app"]


def run_app(arguments: Sequence[str]) -> int:
    """Parse the arguments, run the command, print its error if it fails, and return the exit code."""
    _open_missing_streams()
    out: TextIO = sys.stdout
    if isinstance(out, io.TextIOWrapper):
        out.reconfigure(errors="replace")  # an answer may contain characters that the encoding lacks
    try:
        command: Any = get_command(_app)
        _hide_types_of_flags(command)
        return int(command.main(list(arguments), "genai-fn", standalone_mode=False) or 0)
    except (KeyboardInterrupt, typer.Abort):
        return EXIT_INTERRUPTED
    except OSError as error:  # typer ends a closed pipe by itself
        print_message("error", f"{error.filename}: {error.strerror}" if error.filename else str(error))
        return EXIT_FAILURE
    except Exception as error:
        if isinstance(error, genai_fn.GenaiError):
            print_message("error", str(error))
            is_usage = isinstance(error, genai_fn.InvalidRequest | genai_fn.Unsupported)
            return EXIT_USAGE if is_usage else EXIT_FAILURE
        format_message = getattr(error, "format_message", None)  # a usage error; typer exports no name for the class
        if format_message is None:
            raise
        message = format_message().rstrip(".")
        if not message:  # a resource without a command: typer has printed its help
            return 0
        command = getattr(getattr(error, "ctx", None), "command_path", "genai-fn")
        is_prompt = command == "genai-fn" and " " in arguments[0]
        hint = "; genai-fn generate sends a prompt" if is_prompt else ""
        print_message("error", f"{message}{hint}; see {command} --help")
        return EXIT_USAGE


def _open_missing_streams() -> None:
    """Connect a standard stream that the caller has closed, as ``>&-`` does, to the null device; Python has None."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115  # until the process ends


def _hide_types_of_flags(command: Any, parent: typer.Context | None = None) -> None:
    """Leave out ``<bool>`` in the help of a command and its commands: a flag takes no value."""
    context = typer.Context(command, parent=parent, **command.context_settings)
    for each in [*command.params, command.get_help_option(context)]:
        if getattr(each, "is_flag", False):
            each.metavar = ""
    for each in getattr(command, "commands", {}).values():
        _hide_types_of_flags(each, context)


_app = typer.Typer(pretty_exceptions_enable=False, context_settings={"help_option_names": ["-h", "--help"]})


def _print_version(is_set: bool) -> None:
    if is_set:
        typer.echo(f"genai-fn {genai_fn.__version__}")
        raise typer.Exit


_HELP = """Call Google's generative models from the terminal.

The key comes from GEMINI_API_KEY or GOOGLE_API_KEY; --vertex uses GOOGLE_CLOUD_PROJECT. \
Without either, a command fails: only --offline answers from the emulator."""


@_app.callback(invoke_without_command=True, help=_HELP)
def _root(  # pyright: ignore[reportUnusedFunction]  # typer calls it
    context: typer.Context,
    version: Annotated[  # noqa: ARG001  # its callback prints it
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def _format_help(function: Callable[..., None]) -> str:
    """Return the docstring of a command with a line for each paragraph, as typer keeps line breaks."""
    paragraphs = cleandoc(function.__doc__ or "").split("\n\n")
    return "\n\n".join(" ".join(each.split()) for each in paragraphs)


for _command in (generate, chat, embed, tokens, images, live, emulate, explain):
    _app.command(help=_format_help(_command))(_command)
_app.add_typer(models.app, name="models")
_app.add_typer(files.app, name="files")
_app.add_typer(caches.app, name="caches")
_app.add_typer(batches.app, name="batches")
_app.add_typer(stores.app, name="stores")
