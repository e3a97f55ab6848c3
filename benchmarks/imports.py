"""Cost of the import, of creating a client, and of the first response."""

from collections.abc import Callable, Iterator
from functools import partial

from google import genai

from benchmarks.http_server import run_server
from benchmarks.isolated import DEFINE_RSS, run_isolated
from benchmarks.payloads import MODEL
from benchmarks.report import Effort, Row, compare, compare_columns, sample_cpu_time, to_micro
from genai_fn import Gemini, Http

_CREATE_CLIENT = {
    "ours": "from genai_fn import Gemini, Http, generate\nclient = Http(Gemini(api_key='test-key', base_url=url))",
    "theirs": "from google import genai\nclient = genai.Client(api_key='test-key', http_options={'base_url': url})",
    "limit": "import msgspec\nfrom returns.result import Success",
}
_CALL = {
    "ours": f"client(generate('{MODEL}', 'hi')).unwrap().text",
    "theirs": f"client.models.generate_content(model='{MODEL}', contents='hi').text",
    "limit": f"""
import httpcore
headers = [("Host", "127.0.0.1")]
with httpcore.HTTPConnection(httpcore.URL(url).origin) as connection:
    address = f"{{url}}/v1beta/models/{MODEL}:generateContent"
    response = connection.request("POST", address, headers=headers, content=b"{{}}")
msgspec.json.decode(response.content)
""",
}


def measure(effort: Effort) -> Iterator[Row]:
    """Each in a new process, without the start of the interpreter."""
    rounds = effort.rounds
    created = {name: _build_sample(code) for name, code in _CREATE_CLIENT.items()}
    times, memory = compare_columns(created, rounds)
    yield Row("import + client", "ms of CPU", times, of_theirs=0.1, of_limit=1.5)
    yield Row("memory after import + client", "MiB", memory, of_theirs=0.3, of_limit=1.15)
    yield Row(
        "import genai_fn alone", "ms of CPU", compare_columns({"ours": _build_sample("import genai_fn")}, rounds)[0]
    )
    schema = _build_sample("import genai_fn.schema", before="import msgspec")
    yield Row(
        "import genai_fn.schema, after msgspec", "ms of CPU", compare_columns({"ours": schema}, rounds)[0], at_most=40
    )
    with run_server() as server:
        first = {name: _build_sample(f"{_CREATE_CLIENT[name]}\n{_CALL[name]}", server.url) for name in _CREATE_CLIENT}
        yield Row(
            "import to first response", "ms of CPU", compare_columns(first, rounds)[0], of_theirs=0.3, of_limit=1.1
        )
    yield Row("a second client", "µs of CPU", to_micro(compare(_build_second_client(effort), rounds)), of_theirs=0.002)


def _build_sample(code: str, url: str = "http://127.0.0.1:1", before: str = "") -> Callable[[], list[float]]:
    lines = (
        DEFINE_RSS,
        f"import time\nurl = {url!r}\n{before}",
        "started = time.process_time()",
        code,
        "print(1e3 * (time.process_time() - started), rss())",
    )
    return partial(run_isolated, "\n".join(lines))


def _build_second_client(effort: Effort) -> dict[str, Callable[[], float]]:
    return {
        "ours": sample_cpu_time(lambda: Http(Gemini(api_key="test-key")), effort.scale_count(2000)),
        "theirs": sample_cpu_time(lambda: genai.Client(api_key="test-key"), effort.scale_count(10)),
    }
