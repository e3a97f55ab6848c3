"""
Operations of the API: one module or folder a resource. An operation is the call on each backend, and its decoder.

- `auth_tokens`: ephemeral tokens for live sessions.
- `batches`: batch jobs, their source files and their results.
- `caches`: cached contents.
- `embed`: embeddings of contents, and of any number of texts.
- `files`: the Files API, with uploads and downloads.
- `generate`: content generation, whole or streamed.
- `images`: generate, upscale, edit, recontext and segment images.
- `live`: live sessions, their messages, and live music.
- `models`: get, list, update and delete models.
- `operations`: the state of long-running operations.
- `request_parts`: helpers for bodies, queries, and responses that are empty or not JSON.
- `stores`: file search stores and their documents.
- `tokens`: count and compute tokens.
- `tool_config`: tools as they are sent.
- `tunings`: tuning jobs.
- `videos`: video generation.
"""
