"""What every test and every example starts from: no word of the environment, and the same examples each time."""

import os

from hypothesis import settings

settings.register_profile("house", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("house")

for name in tuple(os.environ):
    if name.lower().endswith("_proxy") or name.startswith(("GOOGLE_", "GEMINI_", "GCE_METADATA_")):
        del os.environ[name]
