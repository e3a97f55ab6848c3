"""
The ``genai-fn`` command; needs the extra ``cli``.

- ``app``: the command line, its commands, and the mapping from errors to exit codes.
- ``commands``: a module for each command.
- ``options``: the options that several commands have.
- ``inputs``: reads prompts, files and schemas.
- ``requests``: builds the request of ``generate`` and ``explain``.
- ``interpreters``, ``backends``: open the interpreter that the options and the environment select.
- ``chat_loop``: the conversation of ``chat``, its messages and its ``/`` commands.
- ``async_lines``: lines of standard input for ``live``.
- ``resources``: what the commands of resources have in common: list, print and delete them.
- ``terminal``: prints answers to standard output and messages to standard error.
- ``tables``: prints lists as tables, and resources as JSON.
- ``progress``: progress bars on standard error.
- ``exit_codes``: the exit codes.

Modules import what a command needs when it runs, through the lazy names of ``genai_fn``: ``--help`` loads no requests.
"""

import sys
from collections.abc import Sequence

from genai_fn.cli.exit_codes import EXIT_INTERRUPTED, EXIT_USAGE

__all__ = ["main", "run_command_line"]


def main() -> None:
    """Run the command with the arguments of the process, and exit."""
    sys.exit(run_command_line(sys.argv[1:]))


def run_command_line(arguments: Sequence[str]) -> int:
    """
    Run the command.

    Returns:
        The exit code: 0, or one of ``genai_fn.cli.exit_codes``.
    """
    try:
        from genai_fn.cli.app import run_app  # noqa: PLC0415  # imports the packages of an extra
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] not in _EXTRA_MODULES:
            raise
        from genai_fn.interpreters.extras import install_command  # noqa: PLC0415  # slow, and rarely needed

        sys.stderr.write(f"error: the command needs the packages rich and typer: {install_command('rich', 'typer')}\n")
        return EXIT_USAGE
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    return run_app(arguments)


_EXTRA_MODULES = ("click", "rich", "shellingham", "typer")
