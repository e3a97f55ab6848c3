"""
The cache of answers: equal requests are sent once.

- ``cached``: the middleware.
- ``keys``: which requests are equal: the digest of what determines an answer.
- ``stored_answers``: answers as JSON, and back.
- ``single_flight``: one of several equal requests is sent, the others wait for its result.
- ``stores``: the protocol of stores, and the one in memory.
- ``sqlite_store``: the store in a file, which several processes may share.
"""
