"""
Tries an installed wheel: ``python smoke.py absent`` without its extras, ``python smoke.py present`` with all of them.

It imports nothing of the tests, as it runs where there are none. It needs no network: what it connects to is a port of
loopback that nobody listens on.
"""

import contextlib
import importlib.util
import io
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

Check = Callable[[], str]
"""Uses an extra; returns what it complains of."""


def check_core() -> None:
    """Use what every installation has: builders, the emulator, fakes, encoding, calls, sessions."""
    import genai_fn
    from genai_fn import Gemini, Offline, encode, generate, run, text
    from genai_fn.testing import Fake

    assert "site-packages" in Path(genai_fn.__file__).parts, genai_fn.__file__
    assert Path(genai_fn.__file__).with_name("py.typed").exists()
    request = generate("gemini-2.5-flash", "Why is the sky blue?")
    with Offline() as offline:
        assert offline(request | text).unwrap().startswith("I am an offline model")
    assert Fake({"generate": "Because."})(request | text).unwrap() == "Because."
    assert encode(request, Gemini("test-key")).unwrap().method == "POST"
    assert type(run(request).failure()).__name__ == "AuthError"
    for http1 in ("auto", "httpcore"):
        assert type(call_nobody(http1=http1).failure()).__name__ == "ConnectError"
    assert not {"anyio", "trio"} & set(sys.modules), "a sync call imports trio or anyio"
    for loop in ("asyncio", "trio"):
        assert open_session(loop) == ["ConnectError"]


def call_nobody(**settings: Any) -> Any:
    """Call a port that nobody listens on."""
    from genai_fn import Gemini, Http, Retry, generate

    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        backend = Gemini("test-key", base_url=f"http://127.0.0.1:{reserved.getsockname()[1]}")
        with Http(backend, retry=Retry(attempts=1), **{"proxy": "", **settings}) as run:
            return run(generate("gemini-2.5-flash", "hi"))


def open_session(loop: str) -> list[str]:
    """Open a session to a port that nobody listens on, in an event loop; return its items' kinds."""
    import anyio

    from genai_fn import AsyncHttp, Gemini, Retry, live

    async def body(url: str) -> list[str]:
        interpreter = AsyncHttp(Gemini("test-key", base_url=url), proxy="", retry=Retry(attempts=1))
        async with interpreter as run, run.live(live.connect("gemini-live-2.5-flash-preview")) as session:
            return [type(item.failure()).__name__ async for item in session]

    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        return anyio.run(body, f"http://127.0.0.1:{reserved.getsockname()[1]}", backend=loop)


def catch(use: Callable[[], Any]) -> str:
    """Return the text of the error that a function raises or returns as a Failure; empty if there is none."""
    from returns.result import Failure

    from genai_fn import GenaiError
    from genai_fn.errors import InvalidRequest

    try:
        result = use()
    except (GenaiError, InvalidRequest) as error:
        return str(error)
    return str(result.failure()) if isinstance(result, Failure) else ""


def use_jobs() -> None:
    """Build an embedding job and check what it needs."""
    from genai_fn.jobs.arrow import check_arrow

    check_arrow()


def use_tokenizer() -> None:
    """Build a tokenizer from bytes that are none."""
    from genai_fn import LocalTokenizer

    LocalTokenizer(b"none")


def use_mcp() -> None:
    """Open the tools of a server that nobody runs."""
    from genai_fn import mcp_tools

    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        with mcp_tools(f"http://127.0.0.1:{reserved.getsockname()[1]}/mcp"):
            pass


def use_numpy() -> None:
    """Build a request whose vectors are arrays."""
    from genai_fn import embed

    embed("gemini-embedding-001", "hi", output="numpy")


def use_yaml() -> None:
    """Write a metric as YAML."""
    from genai_fn.schema import Metric

    with tempfile.TemporaryDirectory() as folder:
        Metric(name="bleu").to_yaml_file(str(Path(folder, "metric.yaml")))


def use_traces() -> None:
    """Build a middleware that traces."""
    from genai_fn.middleware import traced

    traced()


def use_prices() -> None:
    """Find the prices of a model."""
    from genai_fn.middleware.budgets.prices import find_prices

    find_prices("gemini-2.5-flash")


def use_proxy() -> Any:
    """Call through a proxy that accepts connections and answers nothing."""
    from genai_fn import Timeouts

    with socket.create_server(("127.0.0.1", 0)) as proxy:
        return call_nobody(proxy=f"socks5://127.0.0.1:{proxy.getsockname()[1]}", timeouts=Timeouts(connect=1))


def run_command(*arguments: str) -> str:
    """Run the installed command; return its complaint, or nothing if it succeeds."""
    command = [str(Path(sys.executable).with_name("genai-fn")), *arguments]
    process = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    return process.stderr if process.returncode else ""


CHECKS: dict[str, tuple[str, Check]] = {
    "arrow": ("pyarrow", lambda: catch(use_jobs)),
    "cli": ("rich", lambda: run_command("generate", "--offline", "hi")),
    "fast": ("httptools", lambda: catch(lambda: call_nobody(http1="httptools"))),
    "httpcore2": ("httpcore2", lambda: catch(lambda: call_nobody(http1="httpcore2"))),
    "local-tokenizer": ("sentencepiece", lambda: catch(use_tokenizer)),
    "mcp": ("mcp", lambda: catch(use_mcp)),
    "numpy": ("numpy", lambda: catch(use_numpy)),
    "otel": ("opentelemetry-api", lambda: catch(use_traces)),
    "prices": ("genai-prices", lambda: catch(use_prices)),
    "socks": ("socksio", lambda: catch(use_proxy)),
    "yaml": ("pyyaml", lambda: catch(use_yaml)),
}
"""For each extra: the package that its complaint names, and how it is used."""


def check_extras(*, are_present: bool) -> None:
    """Use each extra: where it is absent, the complaint is a command that installs its package."""
    for extra, (package, check) in CHECKS.items():
        complaint = check()
        names_command = "pip install" in complaint and package in complaint
        assert names_command is not are_present, f"{extra}: {complaint or 'no complaint'}"
        assert "genai-fn[" not in complaint, complaint
    assert (importlib.util.find_spec("websockets") is not None) is are_present
    if are_present:
        import genai_fn.testing.strategies  # noqa: F401  # needs the extra testing

        assert not run_command("emulate", "--help")


def main(state: str) -> None:
    """Run all checks; an ``AssertionError`` names what is wrong."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        check_core()
        check_extras(are_present={"absent": False, "present": True}[state])
    assert not printed.getvalue(), printed.getvalue()


if __name__ == "__main__":
    main(sys.argv[1])
