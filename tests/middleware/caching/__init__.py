"""The cache of answers: the middleware, its stores, its keys, and single flight."""
