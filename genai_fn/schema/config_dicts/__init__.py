"""
The fields of configs as types of dicts, for type checkers: ``generate(model, contents, {"temperature": 0.2})``.

A dict has the field names of the Struct, and a value is whatever the builders convert to the type of the field. A test
compares each with its Struct. Only type checkers load these modules.

- `generation`: contents, chats, live sessions, tokens, embeddings
- `media`: images and videos
- `resources`: auth tokens, batches, caches, files, models, stores
- `tunings`: tunings and their rewards
- `every_field`: the fields of all configs, for ``with_config``
"""
