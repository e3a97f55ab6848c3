"""
Reads the rows of a source, in batches, so that memory is flat.

- ``source_kinds``: finds out what a source is, and opens it.
- ``files``: the files of a path, a folder or a pattern, and their formats.
- ``arrow_rows``: rows of record batches: Parquet, Arrow IPC, CSV, tables and frames.
- ``json_lines``: rows of JSONL files.
- ``text_files``: files that are one text each.
- ``values``: rows of an iterable of texts or of mappings.
- ``columns``: which columns are read, and the columns that are kept of rows without a schema.
"""
