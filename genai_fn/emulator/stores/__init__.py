"""
File search stores.

- `stores`: stores, uploads and imports.
- `documents`: documents of a store, and how they are split into passages.
- `retrieval`: the search for passages that match a question.
"""
