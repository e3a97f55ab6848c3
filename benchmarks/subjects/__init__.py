"""
What is measured. Each module has a function ``measure``, which yields rows of the table.

- ``imports``, ``objects``: in new processes.
- ``encoding``, ``decoding``: bytes to and from values, without a network.
- ``streaming``, ``calls``, ``tls``, ``transfers``, ``flows``, ``jobs``: HTTP over loopback.
- ``sessions``: Live sessions over loopback.
- ``middleware``: calls whose responses are in memory, with and without each middleware.
- ``drawing``: requests, replies and interpreters that Hypothesis draws.
"""
