"""What does it cost to import, to make a client, and to get the first answer?"""

from collections.abc import Callable, Iterator
from functools import partial

from google import genai

from benchmarks.alone import RSS, numbers
from benchmarks.material import MODEL
from benchmarks.report import Effort, Row, compared, compared_each, cpu, micro
from benchmarks.server import serving
from genai_fn import Gemini, Http

_MADE = {
    "ours": "from genai_fn import Gemini, Http, generate\nmade = Http(Gemini(api_key='test-key', base_url=url))",
    "theirs": "from google import genai\nmade = genai.Client(api_key='test-key', http_options={'base_url': url})",
    "limit": "import msgspec\nfrom returns.result import Success",
}
_ASKED = {
    "ours": f"made(generate('{MODEL}', 'hi')).unwrap().text",
    "theirs": f"made.models.generate_content(model='{MODEL}', contents='hi').text",
    "limit": f"""
import httpcore
headers = [("Host", "127.0.0.1")]
with httpcore.HTTPConnection(httpcore.URL(url).origin) as connection:
    address = f"{{url}}/v1beta/models/{MODEL}:generateContent"
    answer = connection.request("POST", address, headers=headers, content=b"{{}}")
msgspec.json.decode(answer.content)
""",
}


def ask(effort: Effort) -> Iterator[Row]:
    """Each in a process of its own, from where the interpreter has started."""
    rounds = effort.rounds
    made = {name: _alone(code) for name, code in _MADE.items()}
    taken, held = compared_each(made, rounds)
    yield Row("import + client", "ms of CPU", taken, of_theirs=0.1, of_limit=1.5)
    yield Row("memory after that", "MiB", held, of_theirs=0.3, of_limit=1.15)
    yield Row("import genai_fn alone", "ms of CPU", compared_each({"ours": _alone("import genai_fn")}, rounds)[0])
    schema = _alone("import genai_fn.schema", before="import msgspec")
    yield Row(
        "import genai_fn.schema, after msgspec", "ms of CPU", compared_each({"ours": schema}, rounds)[0], at_most=40
    )
    with serving() as server:
        first = {name: _alone(f"{_MADE[name]}\n{_ASKED[name]}", server.url) for name in _MADE}
        yield Row("import to first answer", "ms of CPU", compared_each(first, rounds)[0], of_theirs=0.3, of_limit=1.1)
    yield Row("a second client", "µs of CPU", micro(compared(_second(effort), rounds)), of_theirs=0.002)


def _alone(code: str, url: str = "http://127.0.0.1:1", before: str = "") -> Callable[[], list[float]]:
    lines = (
        RSS,
        f"import time\nurl = {url!r}\n{before}",
        "started = time.process_time()",
        code,
        "print(1e3 * (time.process_time() - started), rss())",
    )
    return partial(numbers, "\n".join(lines))


def _second(effort: Effort) -> dict[str, Callable[[], float]]:
    return {
        "ours": cpu(lambda: Http(Gemini(api_key="test-key")), effort.times(2000)),
        "theirs": cpu(lambda: genai.Client(api_key="test-key"), effort.times(10)),
    }
