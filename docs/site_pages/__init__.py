"""
Writes the pages of the documentation site: ``python tasks.py site``.

- ``write_pages``: gathers the pages of this repository, and writes the reference and ``llms.txt``.
- ``copy_markdown``: puts the pages as Markdown beside those of the built site.
- ``reference``: which public names are on which page of the reference.
- ``wire``: shows each builder on the wire: a request, its response, and a failure, recorded from the emulator.
- ``type_pages``: the types by domain, from ``docs/types.md``.
- ``docstring_markdown``: docstrings of this package in Markdown; ``griffe_extension`` applies it, and needs griffe.

The navigation and the theme are in ``zensical.toml``.
"""
