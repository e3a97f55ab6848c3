"""Perform the effects of a program: in the calling thread, or in a task."""
