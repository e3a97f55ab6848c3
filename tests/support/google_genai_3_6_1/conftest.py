"""Excludes these modules from the collection of examples: most run only where google-genai 3.6.1 is installed."""

collect_ignore_glob = ["*.py"]
