"""
Explicit caches of the API for what requests have in common at their beginning.

- ``context_cached``: the middleware.
- ``prefixes``: the beginnings of a request that a cache may contain.
- ``known_caches``: the caches that exist, and the beginnings that were sent before.
"""
