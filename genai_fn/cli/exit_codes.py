"""Exit codes of the ``genai-fn`` command."""

__all__ = ["EXIT_FAILURE", "EXIT_INTERRUPTED", "EXIT_USAGE"]

EXIT_FAILURE = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells report it
