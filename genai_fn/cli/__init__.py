"""
The ``genai-fn`` command; needs the extra ``cli``.

- ``app``: the command line, ``genai-fn generate``, and the mapping from errors to exit codes.
- ``emulate_command``: ``genai-fn emulate``.
- ``backends``: chooses a backend from environment variables.
- ``terminal``: prints answers to standard output and messages to standard error.
- ``exit_codes``: the exit codes.
"""

import sys
from collections.abc import Sequence

from genai_fn.cli.exit_codes import EXIT_INTERRUPTED, EXIT_USAGE
from genai_fn.interpreters.extras import install_command

__all__ = ["main", "run_command_line"]


def main() -> None:
    """Run the command with the arguments of the process, and exit."""
    sys.exit(run_command_line(sys.argv[1:]))


def run_command_line(arguments: Sequence[str]) -> int:
    """
    Run the command.

    Returns:
        The exit code: 0 on success, 1 if the call failed, 2 for wrong usage, 130 after Ctrl-C.
    """
    try:
        from genai_fn.cli.app import run_app  # noqa: PLC0415  # imports the packages of an extra
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] not in _EXTRA_MODULES:
            raise
        sys.stderr.write(f"error: the command needs the packages rich and typer: {install_command('rich', 'typer')}\n")
        return EXIT_USAGE
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    return run_app(arguments)


_EXTRA_MODULES = ("click", "rich", "shellingham", "typer")
