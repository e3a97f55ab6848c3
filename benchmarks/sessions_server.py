"""
A peer of live sessions on loopback, in a process of its own.

The model's name says what it does: ``small-5000`` says so many small things, and ends the turn once as many have come
back; ``audio-200`` says so many pieces of sound of 100 KB.
"""

import asyncio
import json
import os
import subprocess
import sys
import threading
from base64 import b64encode
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

_MOST_SECONDS = 1800
_SOUND = bytes(range(256)) * 400


@contextmanager
def conversing() -> Generator[str]:
    """Start one, give its address as a base URL, and end it."""
    command = [sys.executable, "-m", "benchmarks.sessions_server"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.stdin.close()
            process.wait(60)


# The process itself


def _message(**content: Any) -> str:
    return json.dumps({"serverContent": content})


def _part(kind: str) -> dict[str, Any]:
    if kind == "small":
        return {"text": "a word or two "}
    return {"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": b64encode(_SOUND).decode()}}


async def _met(connection: ServerConnection) -> None:
    with suppress(ConnectionClosed):
        model = json.loads(await connection.recv())["setup"]["model"]
        kind, _, count = model.rpartition("/")[2].partition("-")
        await connection.send('{"setupComplete": {}}')
        said = _message(modelTurn={"parts": [_part(kind)]})
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_say(connection, said, int(count)))
            for _ in range(int(count) if kind == "small" else 0):
                await connection.recv()
        await connection.send(_message(turnComplete=True))
        await connection.wait_closed()


async def _say(connection: ServerConnection, said: str, count: int) -> None:
    for _ in range(count):
        await connection.send(said)


async def _serve() -> None:
    over, loop = asyncio.Event(), asyncio.get_running_loop()
    threading.Thread(target=_until_orphaned, args=(loop, over), daemon=True).start()
    async with serve(_met, "127.0.0.1", 0, compression=None, max_size=None) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        with suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), _MOST_SECONDS)


def _until_orphaned(loop: asyncio.AbstractEventLoop, over: asyncio.Event) -> None:
    os.read(sys.stdin.fileno(), 1)  # not by its buffer, whose lock would outlive the half hour
    with suppress(RuntimeError):  # half an hour is over
        loop.call_soon_threadsafe(over.set)


if __name__ == "__main__":
    asyncio.run(_serve())
