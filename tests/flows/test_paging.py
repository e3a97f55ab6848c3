"""All pages of a list: as scripted conversations, and over sockets with every interpreter."""

import copy
import pickle
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpcore
import pytest

from genai_fn import (
    Failure,
    InvalidRequest,
    PageLoop,
    Success,
    TimedOut,
    caches,
    collected,
    generate,
    items,
    models,
    next_page,
    pages,
    with_config,
    with_http_response,
    with_options,
)
from genai_fn.effects import Ask, AskWithin, Emit, GetTime
from genai_fn.errors import ServerError
from genai_fn.ops import batches, files, stores, tunings
from genai_fn.request import Request, start_generator
from genai_fn.schema import File, ListFilesResponse
from tests.support.interpreter_kinds import AwaitableInterpreter, InterpreterKind, make_gemini
from tests.support.loopback import Answer, Loopback, ReceivedRequest, build_json_reply
from tests.support.scripted_effects import run_by_script

LIST = files.list({"page_size": 2})
BUSY = Failure[Any](ServerError(503))


def build_page(token: str | None, *names: str) -> Success[ListFilesResponse]:
    """Build the JSON of a page of files."""
    return Success(ListFilesResponse(files=tuple(File(name=name) for name in names), next_page_token=token))


def build_next_request(token: str, request: Request[Any] = LIST) -> Request[Any]:
    """Build the request for the page of a token."""
    return request | with_config(page_token=token)


def run_stream(request: Request[Any], answer: Any) -> list[tuple[Any, Any]]:
    """Run a stream by a script and return what it emits."""
    return [(Ask(request), answer), (Emit(answer), None)]


SCRIPTS = {
    "no items": run_stream(LIST, build_page(None)),
    "one page": run_stream(LIST, build_page(None, "a", "b")),
    "an empty token": run_stream(LIST, build_page("", "a")),
    "three pages": [
        *run_stream(LIST, build_page("2", "a", "b")),
        *run_stream(build_next_request("2"), build_page("3", "c", "d")),
        *run_stream(build_next_request("3"), build_page(None, "e")),
    ],
    "an empty page in the middle": [
        *run_stream(LIST, build_page("2", "a")),
        *run_stream(build_next_request("2"), build_page("3")),
        *run_stream(build_next_request("3"), build_page(None, "b")),
    ],
    "a failure": [*run_stream(LIST, build_page("2", "a")), *run_stream(build_next_request("2"), BUSY)],
    "a token that stays": [
        *run_stream(LIST, build_page("2", "a")),
        *run_stream(build_next_request("2"), build_page("2", "b")),
        (Emit(Failure(PageLoop("2"))), None),
    ],
    "a token that comes back": [
        *run_stream(LIST, build_page("2", "a")),
        *run_stream(build_next_request("2"), build_page("3", "b")),
        *run_stream(build_next_request("3"), build_page("2", "c")),
        (Emit(Failure(PageLoop("2"))), None),
    ],
}


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_pages(script: list[tuple[Any, Any]]) -> None:
    """Pages are read until one has no token, or a token that was seen before; empty pages are emitted."""
    run_by_script(start_generator(LIST | pages), script)


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_items(script: list[tuple[Any, Any]]) -> None:
    """Items are emitted page by page; a failure comes after the items before it, and is the last item."""
    expected_steps: list[tuple[Any, Any]] = []
    for command, answer in script:
        if isinstance(command, Ask):
            expected_steps.append((command, answer))
        elif isinstance(command.item, Failure):
            expected_steps.append((command, None))
        else:
            expected_steps += [(Emit(Success(each)), None) for each in command.item.unwrap()]
    run_by_script(start_generator(LIST | items), expected_steps)


def test_start_token() -> None:
    """A list can start at a stored token, and that token counts as seen."""
    start = build_next_request("5")
    run_by_script(
        start_generator(start | pages),
        [*run_stream(start, build_page("6", "a")), *run_stream(build_next_request("6"), build_page(None, "b"))],
    )
    run_by_script(
        start_generator(start | pages), [*run_stream(start, build_page("5", "a")), (Emit(Failure(PageLoop("5"))), None)]
    )


def test_root() -> None:
    """Modifiers of the request apply through `pages` and `items`, in any order."""
    modifiers = with_config(page_size=2) | with_options(headers={"x-test": "1"})
    for modifier in (pages, items):
        assert files.list() | modifier | modifiers == files.list() | modifiers | modifier


def test_deadline() -> None:
    """A deadline applies to all pages together, not to each."""
    list_request = LIST | with_options(deadline=10)
    first, second = build_page("2", "a"), build_page("3", "b")
    script: list[tuple[Any, Any]] = [(GetTime(), 100.0)]
    for now, page_request, answer in (
        (100.0, list_request, first),
        (103.0, build_next_request("2", list_request), second),
    ):
        script += [(GetTime(), now), (AskWithin(page_request, 110.0 - now), answer), (Emit(answer), None)]
    late = Failure[Any](TimedOut("total", "reading the pages of a list"))
    script += [(GetTime(), 111.0), (Emit(late), None)]
    run_by_script(start_generator(list_request | pages), script)
    assert LIST | pages | with_options(deadline=10) == list_request | pages


def test_values() -> None:
    """The stream of a list compares, copies and pickles."""
    for modifier in (LIST | pages, LIST | items):
        assert pickle.loads(pickle.dumps(modifier)) == modifier == copy.copy(modifier)


def test_next_page() -> None:
    """The request for the next page differs only in the token; after the last page there is none."""
    assert next_page(LIST, build_page("2").unwrap()) == build_next_request("2")
    assert next_page(LIST, build_page(None).unwrap()) is None
    request = LIST | with_options(deadline=1)
    assert next_page(request, build_page("2").unwrap()) == build_next_request("2", request)
    with pytest.raises(InvalidRequest, match="a list"):
        next_page(generate("m", "hi"), build_page("2").unwrap())  # type: ignore[type-var]  # the mistake
    with pytest.raises(InvalidRequest, match="a list"):
        next_page(LIST | pages, build_page("2").unwrap())  # type: ignore[arg-type, operator]  # the mistake
    with pytest.raises(InvalidRequest, match="a page"):
        next_page(LIST, build_page("2"))  # type: ignore[type-var]  # the mistake


@pytest.mark.parametrize(
    "request_",
    [files.get("abc"), generate("m", "hi"), LIST | pages, LIST | with_http_response],
    ids=("look-up", "text", "stream", "wrapped"),
)
@pytest.mark.parametrize("modifier", (pages, items), ids=("pages", "items"))
def test_no_list(request_: Any, modifier: Any) -> None:
    """A request that is not a list, or has `with_http_response`, has no pages."""
    with pytest.raises(InvalidRequest, match=r"list|without with_http_response"):
        request_ | modifier


LISTS = {
    "batches": batches.list(),
    "caches": caches.list(),
    "documents": stores.documents.list("fileSearchStores/s"),
    "files": files.list(),
    "models": models.list(),
    "stores": stores.list(),
    "tunings": tunings.list(),
}


@pytest.mark.parametrize("listing", LISTS.values(), ids=LISTS)
def test_every_list(listing: Request[Any]) -> None:
    """Every list operation has pages, and uses the same parameter for the next one."""

    def build_next_page(received: ReceivedRequest) -> Answer:
        token = parse_qs(urlsplit(received.target).query).get("pageToken", ["1"])[0]
        return build_json_reply({} if token == "3" else {"nextPageToken": str(int(token) + 1)})

    with Loopback(build_next_page) as server:
        found = InterpreterKind("sync", httpcore).run(make_gemini(server.url), listing | pages | collected).unwrap()
        assert [each.next_page_token for each in found] == ["2", "3", None]
        assert len({urlsplit(each.target).path for each in server.requests}) == 1


THREE: list[Answer] = [
    build_json_reply({"files": [{"name": "files/a"}, {"name": "files/b"}], "nextPageToken": "2"}),
    build_json_reply({"nextPageToken": "3"}),
    build_json_reply({"files": [{"name": "files/c"}]}),
]


def test_over_sockets(kind: InterpreterKind) -> None:
    """Three pages, one of them empty, are three requests and all their items."""
    with Loopback(THREE) as server:
        found = kind.read_items(make_gemini(server.url), LIST | items)
        assert [each.unwrap().name for each in found] == ["files/a", "files/b", "files/c"]
        queries = [parse_qs(urlsplit(each.target).query) for each in server.requests]
        assert queries == [
            {"pageSize": ["2"]},
            {"pageSize": ["2"], "pageToken": ["2"]},
            {"pageSize": ["2"], "pageToken": ["3"]},
        ]


def test_pages_are_lazy(kind: InterpreterKind) -> None:
    """A page is requested when its items are read, and not before."""
    with Loopback(THREE) as server:

        async def body(run: AwaitableInterpreter) -> None:
            async with run.stream(LIST | items) as found:
                for name in ("files/a", "files/b"):
                    assert (await anext(found)).unwrap().name == name
            assert len(server.requests) == 1

        kind.run_body(make_gemini(server.url), body)


def test_repr() -> None:
    """The repr of a page shows its items, and whether there are more pages."""
    assert "more to come" in repr(build_page("2", "a").unwrap())
    assert "more to come" not in repr(build_page(None, "a").unwrap())
    assert [each.name for each in build_page("2", "a", "b").unwrap()] == ["a", "b"]
