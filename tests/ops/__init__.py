"""One test module for each module of ``genai_fn.ops``."""
