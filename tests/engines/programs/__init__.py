"""Programs that run in the environment of an engine."""
