"""Models: the catalogue of Google's own, and tuned ones."""
