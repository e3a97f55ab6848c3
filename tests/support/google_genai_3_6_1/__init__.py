"""
google-genai 3.6.1 as the second reference. It cannot be installed beside 1.51.0, so what it does is in committed files.

These modules run in its own environment, by ``python tasks.py oracle``. They import only google-genai, the standard
library and each other:

- `capture`: rewrites the files in ``tests/cases/google_genai_3_6_1``.
- `catalogue`: lists its types, fields and enums.
- `calls`, `exchange`, `methods`, `sessions`: what it sends for each call, and in live sessions.
- `chosen`, `fields`: the arguments, besides those in the file itself.
- `replies`: what it reads from replies.
- `declarations`, `functions`: how it declares Python functions.

Both sides share `addresses`, `arguments` and `operations`.

These run in the environment of the tests:

- `captured`, `comparison`, `read_values`: read the files, and compare them with ours.
- `export_inputs`: writes arguments and replies whose outcome is then captured.
"""
