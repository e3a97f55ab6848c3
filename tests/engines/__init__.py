"""
Embeds on a local Ray and a local Daft, in environments of their own: ``python -m tests.engines``.

- ``__main__``: the command.
- ``environments``: creates the environment of an engine, and runs a program there.
- ``checks``: what an engine must give.
- ``programs``: a program that runs in both environments, beside those of docs/embedding-clusters.md.
"""
