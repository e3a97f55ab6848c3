"""
A server of Live sessions on loopback, in a child process.

The model name selects the behaviour: ``small-5000`` sends 5,000 small messages and ends the turn after 5,000 replies;
``audio-200`` sends 200 audio chunks of 100 KB and ends the turn.
"""

import asyncio
import json
from base64 import b64encode
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from benchmarks.child_process import run_child, serve_until_orphaned

_AUDIO = bytes(range(256)) * 400


@contextmanager
def run_session_server() -> Generator[str]:
    """Context manager: run the server in a child process, and yield its base URL."""
    with run_child("benchmarks.sessions_server") as (port,):
        yield f"http://127.0.0.1:{port}"


# The child process


def _encode_content(**content: Any) -> str:
    return json.dumps({"serverContent": content})


def _build_part(kind: str) -> dict[str, Any]:
    if kind == "small":
        return {"text": "a word or two "}
    return {"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": b64encode(_AUDIO).decode()}}


async def _run_session(connection: ServerConnection) -> None:
    with suppress(ConnectionClosed):
        model = json.loads(await connection.recv())["setup"]["model"]
        kind, _, count = model.rpartition("/")[2].partition("-")
        await connection.send('{"setupComplete": {}}')
        message = _encode_content(modelTurn={"parts": [_build_part(kind)]})
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_send_repeatedly(connection, message, int(count)))
            for _ in range(int(count) if kind == "small" else 0):
                await connection.recv()
        await connection.send(_encode_content(turnComplete=True))
        await connection.wait_closed()


async def _send_repeatedly(connection: ServerConnection, message: str, count: int) -> None:
    for _ in range(count):
        await connection.send(message)


async def _serve() -> None:
    async with serve(_run_session, "127.0.0.1", 0, compression=None, max_size=None) as server:
        [listener] = server.sockets
        await serve_until_orphaned(listener.getsockname()[1])


if __name__ == "__main__":
    asyncio.run(_serve())
