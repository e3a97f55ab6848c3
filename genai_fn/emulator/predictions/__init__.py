"""Pictures and films: what ``predict`` and its like are asked for."""
