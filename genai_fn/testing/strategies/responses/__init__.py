"""
Strategies for what a service answers.

- ``replies``: replies of every operation, whole or in chunks.
- ``generation``, ``candidates``, ``function_calls``: replies to ``generate``.
- ``media``: replies with images, masks and videos.
- ``resources``: files, documents, jobs and long-running operations in each state.
- ``stream_chunks``: splits a reply into the chunks of a stream.
- ``errors``: error responses and every error of the library.
- ``http``: HTTP responses, valid and broken.
- ``wire_encoding``: encodes replies as the JSON of either backend.
"""
