"""Records what an interpreter answers, and replays it."""
