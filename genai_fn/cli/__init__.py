"""The ``genai-fn`` command, an extra: asks a model from the terminal."""

import sys
from collections.abc import Sequence

from genai_fn.extras import install_command

__all__ = ["main", "status"]


def main() -> None:
    """Run the command with the arguments of the process."""
    sys.exit(status(sys.argv[1:]))


def status(arguments: Sequence[str]) -> int:
    """Run the command: 0 for good, 1 for a run that failed, 2 for what cannot be asked, 130 for an interruption."""
    try:
        from genai_fn.cli.command import command  # noqa: PLC0415  # what it imports is an extra
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] not in _EXTRA:
            raise
        sys.stderr.write(f"error: the command needs the packages rich and typer: {install_command('rich', 'typer')}\n")
        return 2
    except KeyboardInterrupt:
        return _INTERRUPTED
    return command(arguments)


_EXTRA = ("click", "rich", "shellingham", "typer")
_INTERRUPTED = 130
