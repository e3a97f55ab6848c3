"""Tests of `genai_fn.jobs.engines` without an engine; `tests.engines` runs them with one."""
