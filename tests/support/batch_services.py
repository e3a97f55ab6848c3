"""The emulated API for embedding jobs that run through batch jobs: which of them it has, and which texts it refuses."""

import json
from typing import Any

import pytest

from genai_fn import HttpRequest, Offline
from genai_fn.emulator.batches import gemini_batches
from genai_fn.emulator.contents import embeddings
from genai_fn.emulator.server.faults import EmulatedFault, make_invalid_argument
from genai_fn.jobs import EmbeddingJob, batch_lines
from tests.support.embedding_jobs import MODEL, REFUSED
from tests.support.job_crashes import CrashingDisk, CrashingTransport

BROKEN = "broken"
"""A text that contains this word fails for a reason that is not in the text."""


def refuse_texts(patch: pytest.MonkeyPatch) -> None:
    """Let the emulator refuse some texts, and inline only batch jobs of up to two texts."""
    build = embeddings.build_embedding

    def build_embedding(content: Any, options: Any, model: str, path: str = "") -> Any:
        text = content.parts[0].text
        if REFUSED in text:
            raise make_invalid_argument("no")
        if BROKEN in text:
            raise EmulatedFault(404, "NOT_FOUND", "not now")
        return build(content, options, model, path)

    for module in (embeddings, gemini_batches):
        patch.setattr(module, "build_embedding", build_embedding)
    patch.setattr(batch_lines, "_MAX_INLINED_TEXTS", 2)


def make_batch_job(source: Any, output: Any, **more: Any) -> EmbeddingJob:
    """Make a job through batch jobs, with small ones of five texts."""
    parameters = {"shard_size": 8, "batch_size": 5, "concurrency": 2, "config": {"output_dimensionality": 4}, **more}
    return EmbeddingJob(source=source, output=output, **{"model": MODEL, "through": "batch", **parameters})


class BatchService:
    """An emulated API, with the requests that it has handled; it exists longer than a run."""

    def __init__(self, crashes: CrashingDisk | None = None) -> None:
        self.offline = self.run = Offline()
        self.requests: list[tuple[str, str, bytes]] = []
        emulator: Any = self.offline._service
        handle = emulator.handle_request

        def handle_and_log(request: HttpRequest) -> Any:
            self.requests.append((request.method, request.url, _join_body(request.body)))
            return handle(request)

        emulator.handle_request = handle_and_log  # not a transport: a run may end between that and the emulator
        if crashes is not None:
            self.run = self.run.with_middleware(transport=lambda inner: CrashingTransport(inner, crashes))

    @property
    def created(self) -> list[str]:
        """The display names of the batch jobs that were created."""
        return [
            json.loads(body)["batch"]["displayName"]
            for method, url, body in self.requests
            if method == "POST" and url.endswith(":asyncBatchEmbedContent")
        ]

    def count(self, method: str, part: str) -> int:
        """Count the requests with a method, and a part of the URL."""
        return sum(each == method and part in url for each, url, _ in self.requests)

    def list_names(self) -> list[str]:
        """List the names of all batch jobs and files that exist."""
        state = self.offline._service._state
        found = [*state.list_resources("batches"), *state.list_resources("files")]
        return [getattr(each, "name", None) or each.resource.name for each in found]


def _join_body(body: Any) -> bytes:
    return body if isinstance(body, bytes) else b"".join(body) if isinstance(body, list | tuple) else b""
