"""Tests of `fallback`."""
