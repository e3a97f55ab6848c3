"""Excludes the programs from the tests: they need packages that only their own environments have."""

collect_ignore_glob = ["programs/*"]
