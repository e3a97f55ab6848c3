"""Hostile servers: a sample of the fault matrix, which ``python tasks.py faults`` runs as a whole."""
