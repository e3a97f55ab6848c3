"""
A fake model: deterministic output derived from a prompt. It imports no server code.

- `replies`: text and JSON replies.
- `function_calls`, `schema_values`: function calls, and values that match a schema.
- `tokenizer`, `words`: tokens of a text, and its words.
- `vectors`: embeddings.
- `media`, `png`, `audio`: images and speech in an answer; image files and tones.
- `digests`: the hash that all output is derived from.
"""
