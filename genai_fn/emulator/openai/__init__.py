"""
The path for clients of OpenAI's API: ``/v1beta/openai``, and ``endpoints/openapi`` on Vertex AI.

Requests are converted to those of ``generateContent`` and ``embedContent``, so that all paths share one fake model.

- `chat`: the route ``chat/completions``, whole and streamed.
- `chat_requests`: the shape of its requests.
- `chat_prompts`, `chat_options`: convert them to requests of ``generateContent``: messages, and options and tools.
- `chat_responses`: converts responses of ``generateContent`` to chat completions and their chunks.
- `embeddings`: the route ``embeddings``.
- `models`: the routes ``models`` and ``models/{id}``.
- `errors`: which paths these are, and the form of their errors.

The shapes are those of https://ai.google.dev/gemini-api/docs/openai. Where the service differs from OpenAI's API, the
emulator does as the service does: ``docs/emulator.md`` lists the differences.
"""
