"""Whole calls over TLS."""

import sys
import tempfile
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from benchmarks.cases import Case
from benchmarks.environments import Contestant
from benchmarks.http_server import run_server
from benchmarks.report import Effort, Row
from benchmarks.subjects.calls import ASYNC, SYNC
from benchmarks.workers import measure_cases


def measure(contestants: Mapping[str, Contestant], effort: Effort, interpreter: str) -> Iterator[Row]:
    """CPU time of a call over connections that are open already. All contestants trust the file in SSL_CERT_FILE."""
    with _write_certificate() as path, run_server(interpreter, path) as server:
        module = sys.modules[__name__]
        yield from measure_cases(module, contestants, effort, server, SSL_CERT_FILE=path)


@contextmanager
def _write_certificate() -> Generator[str]:
    """Context manager: write a certificate for the loopback address, with its key and its authority, to one file."""
    import trustme

    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    with tempfile.TemporaryDirectory(prefix="genai-fn-benchmarks-") as folder:
        path = Path(folder) / "loopback.pem"
        with path.open("wb") as file:
            blobs = (issued.private_key_pem, *issued.cert_chain_pems, authority.cert_pem)
            file.writelines(blob.bytes() for blob in blobs)
        yield str(path)


CASES = {
    "sync over TLS": Case({role: SYNC[role] for role in ("ours", "theirs")}, 1000, 1, has_httpcore=True),
    "asyncio over TLS, 64 in flight": Case(
        {role: ASYNC[role] for role in ("ours", "theirs")}, 2000, 64, has_httpcore=True, has_uvloop=True
    ),
    "trio over TLS, 64 in flight": Case(
        {role: ASYNC[role] for role in ("ours", "theirs")}, 2000, 64, event_loop="trio", has_httpcore=True
    ),
}
