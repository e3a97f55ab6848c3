"""
Exit codes of the ``genai-fn`` command.

0 is success. A reader that closes the pipe of standard output, such as ``| head -1``, ends the command quietly with 1.
"""

__all__ = ["EXIT_FAILURE", "EXIT_INTERRUPTED", "EXIT_PARTIAL", "EXIT_USAGE"]

EXIT_FAILURE = 1
"""The call failed: no credentials, an error of the server or the network, a file that cannot be written."""
EXIT_USAGE = 2
"""Wrong usage: an unknown option, a file that does not exist, a value that the API does not have."""
EXIT_PARTIAL = 3
"""``genai-fn embed`` is complete, but some texts have no vector; or ``images`` has written fewer than requested."""
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells report it
"""Ctrl-C."""
