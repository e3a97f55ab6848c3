"""
A fake model: deterministic output derived from a prompt. It imports no server code.

- `replies`: text and JSON replies.
- `function_calls`, `schema_values`: function calls, and values that match a schema, which `schema_reading` reads.
- `tokenizer`, `words`: tokens of a text, and its words.
- `vectors`: embeddings.
- `png`, `audio`: images and tones.
- `digests`: the hash that all output is derived from.
"""
