"""
An emulator of the API: a pure function from a state and a request to a new state and a response.

It needs no network and no model. `handle_request` finds the handler of a request in one table of routes; the handler
parses the request strictly, and returns a response or raises an `EmulatedFault`.

- `routes`: the table of all routes, and `handle_request`.
- `server`: what all handlers share: state, parsing, authentication, errors, pagination, uploads.
- `contents`: generation, token counts, embeddings, and cached contents.
- `openai`: chat completions, embeddings and models for clients of OpenAI's API.
- `scripts`: answers that a test writes down, in place of those of the fake model.
- `predictions`: images, videos, and the ``predict`` method.
- `live`: live sessions and live music, frame by frame.
- `batches`, `tunings`: batches and tunings of both backends.
- `vertex_jobs`: the jobs that Vertex AI uses for both.
- `stores`: file search stores, their documents, and retrieval.
- `models`: the catalog of base models, and tuned models.
- `files`: uploaded and generated files.
- `auth_tokens`: ephemeral tokens.
- `fake_model`: generates text, values, vectors, images and audio from a prompt; imports no server code.
"""

from genai_fn.emulator.routes import handle_request
from genai_fn.emulator.server.state import EmulatorState

__all__ = ["EmulatorState", "handle_request"]
