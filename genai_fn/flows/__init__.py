"""
What takes more than one exchange, and what is made of streams: flows as generators of words, with no I/O of their own.
"""
