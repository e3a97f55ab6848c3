"""
Methods that take contents.

- `generation`: ``generateContent`` and ``streamGenerateContent``.
- `prompts`: validation of their requests, and the contents of a cache in front of the request's.
- `tokens`: ``countTokens`` and ``computeTokens``.
- `embeddings`: embeddings on both backends.
- `caches`: cached contents.
"""
