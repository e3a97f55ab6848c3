"""Tests of ``genai_fn.local_tokenizer``."""
