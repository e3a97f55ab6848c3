"""The server and the requests that are cancelled and interrupted at random."""

import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from genai_fn import Retry, generate, streamed, with_options
from genai_fn.ops import files
from tests.support.cancellation.scenarios import ANSWERS
from tests.support.loopback import Answer, Hang, ReceivedRequest, Reply, Send, encode_head

PLACES = 4
"""Connections of the interpreter; each must still be usable at the end."""

FAST = Retry(attempts=3, initial_delay=0.001)
MODELS = ("call", "busy", "dripping", "no-head", "half-head", "half-body", "half-error")
STREAMS = ("events", "between-events", "half-event")
DATA = bytes(range(256)) * 64


class ChaosScript:
    """Answers by the model or the file in the URL; ``pair`` waits until `PLACES` requests have arrived."""

    def __init__(self) -> None:
        self._barrier = threading.Barrier(PLACES)

    def __call__(self, request: ReceivedRequest) -> Answer:
        name = request.target.rpartition("/")[2].partition(":")[0]
        command = request.headers.get("x-goog-upload-command")
        if name == "pair":
            self._barrier.wait(timeout=60)
            return ANSWERS["call"]
        if command == "start":
            return Reply(200, (("x-goog-upload-url", f"http://{request.headers['host']}/session"),))
        if command is not None:
            return Reply(200, (("x-goog-upload-status", "final"),), b'{"file": {"name": "files/abc"}}')
        if name == "cut":
            return (Send(encode_head(200, (("content-length", "99999"),)) + DATA), Hang())
        return Reply(200, (), DATA) if "/files/" in request.target else ANSWERS[name]


PAIR = generate("pair", "hi")


def draw_action(chance: random.Random, folder: Path) -> Any:
    """Draw a call, stream, upload or download."""
    builders: tuple[Callable[[], Any], ...] = (
        lambda: generate(chance.choice(MODELS), "hi") | with_options(retry=FAST),
        lambda: generate(chance.choice(STREAMS), "hi") | streamed | with_options(retry=FAST),
        lambda: files.upload(DATA, {"mime_type": "text/plain"}),
        lambda: files.download(chance.choice(("abc", "cut"))),
        lambda: files.download(chance.choice(("abc", "cut")), folder / "target"),
    )
    return chance.choice(builders)()


def check_folder(folder: Path) -> None:
    """Check that no temporary file of a download is left."""
    assert {each.name for each in folder.iterdir()} <= {"target"}, "a temporary file is left"
