"""
Methods that take contents.

- `generation`: ``generateContent`` and ``streamGenerateContent``.
- `answers`: an answer before it is encoded, as one response or as the chunks of a stream.
- `fake_answers`: answers of the fake model.
- `prompts`: validation of their requests, and the contents of a cache in front of the request's.
- `tokens`: ``countTokens`` and ``computeTokens``.
- `embeddings`: embeddings on both backends.
- `caches`: cached contents.
"""
