"""Cost of the import, of creating a client, and of the first response."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial

from benchmarks.environments import HTTPCORE, Contestant
from benchmarks.http_server import Server
from benchmarks.isolated import DEFINE_RSS, run_isolated, sample_columns
from benchmarks.payloads import MODEL
from benchmarks.report import Effort, Row

_CREATE_CLIENT = {
    "ours": """
from genai_fn import Gemini, Http, generate
client = Http(Gemini(api_key='test-key', base_url=url), http1=http1)
""",
    "theirs": """
from google import genai
client = genai.Client(api_key='test-key', http_options={'base_url': url})
""",
    "raw": "import msgspec\nfrom returns.result import Success",
}
_CALL = {
    "ours": f"client(generate('{MODEL}', 'hi')).unwrap().text",
    "theirs": f"client.models.generate_content(model='{MODEL}', contents='hi').text",
    "raw": f"""
import httpcore
headers = [("Host", "127.0.0.1")]
with httpcore.HTTPConnection(httpcore.URL(url).origin) as connection:
    address = f"{{url}}/v1beta/models/{MODEL}:generateContent"
    response = connection.request("POST", address, headers=headers, content=b"{{}}")
msgspec.json.decode(response.content)
""",
}
_CREATE_CLIENTS = {
    "ours": "for _ in range(10): Http(Gemini(api_key='test-key'))",
    "theirs": "for _ in range(10): genai.Client(api_key='test-key')",
}


def measure(contestants: Mapping[str, Contestant], effort: Effort, server: Server) -> Iterator[Row]:
    """Each in a new process, without the start of the interpreter."""
    rounds = effort.rounds
    present = {name: each for name, each in contestants.items() if not each.uses_uvloop}
    created = {
        name: _build_sample(each, _CREATE_CLIENT[each.role]) for name, each in present.items() if name != HTTPCORE
    }
    times, memory = sample_columns(created, rounds)
    yield Row("import + client", "ms", times, 0.095, 1.5)
    yield Row("memory after import + client", "MiB", memory, 0.30, 1.15)
    first = {
        name: _build_sample(each, _CREATE_CLIENT[each.role] + _CALL[each.role], server.url)
        for name, each in present.items()
    }
    times, _ = sample_columns(first, rounds)
    over_httpcore = times.pop(HTTPCORE, [])
    yield Row("import to first response", "ms", times, 0.16)
    if over_httpcore:
        yield Row("import to first response, httpcore", "ms", {**times, "ours": over_httpcore}, 0.26)
    clients = {
        name: _build_sample(each, _CREATE_CLIENTS[each.role], before=_CREATE_CLIENT[each.role])
        for name, each in present.items()
        if each.role in _CREATE_CLIENTS and name != HTTPCORE
    }
    times, _ = sample_columns(clients, max(1, rounds // 3))
    yield Row("ten more clients", "ms", times)


def _build_sample(
    contestant: Contestant, code: str, url: str = "http://127.0.0.1:1", before: str = ""
) -> Callable[[], list[float]]:
    lines = (
        DEFINE_RSS,
        f"import time\nurl, http1 = {url!r}, {contestant.http1!r}\n{before}",
        "started = time.process_time()",
        code,
        "print(1e3 * (time.process_time() - started), rss())",
    )
    return partial(run_isolated, "\n".join(lines), interpreter=contestant.interpreter)
