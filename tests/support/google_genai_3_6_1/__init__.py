"""
google-genai 3.6.1 as the second reference. It cannot be installed beside 1.51.0, so what it does is in committed files.

The modules that run in its own environment, by ``python tasks.py oracle``, import only google-genai and the standard
library:

- `capture`: rewrites the files in ``tests/cases/google_genai_3_6_1``.
- `catalogue`: lists its types, fields and enums.
"""
