"""The ``genai-fn`` command, an extra: asks a model from the terminal."""

import sys
from collections.abc import Sequence

from genai_fn.extras import install_command

__all__ = ["main", "run_command_line"]


def main() -> None:
    """Run the command with the arguments of the process."""
    sys.exit(run_command_line(sys.argv[1:]))


def run_command_line(arguments: Sequence[str]) -> int:
    """Run the command: 0 for good, 1 for a run that failed, 2 for what cannot be asked, 130 for an interruption."""
    try:
        from genai_fn.cli.app import run_app  # noqa: PLC0415  # what it imports is an extra
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] not in _EXTRA_MODULES:
            raise
        sys.stderr.write(f"error: the command needs the packages rich and typer: {install_command('rich', 'typer')}\n")
        return 2
    except KeyboardInterrupt:
        return _EXIT_INTERRUPTED
    return run_app(arguments)


_EXTRA_MODULES = ("click", "rich", "shellingham", "typer")
_EXIT_INTERRUPTED = 130
