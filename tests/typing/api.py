"""What type checkers make of every word: mypy and pyright check this file in strict mode, and nothing calls it."""

from collections.abc import AsyncIterator, Iterator
from typing import Any, TypeAlias, assert_type

from genai_fn import (
    Action,
    AsyncHttp,
    AsyncInterpreter,
    Backend,
    Failure,
    Flow,
    Gemini,
    GenaiError,
    Http,
    HttpRequest,
    HttpResponse,
    Interpreter,
    Modifier,
    Offline,
    Request,
    Result,
    Stream,
    Success,
    ValueWithResponse,
    arun,
    ask,
    attempt,
    auth_tokens,
    backend_from_env,
    both,
    caches,
    collected,
    decode,
    each,
    embed,
    embed_many,
    emit,
    encode,
    flow,
    gather,
    generate,
    images,
    items,
    joined,
    models,
    next_page,
    ok,
    operations,
    pages,
    raise_for,
    run,
    sleep,
    stream,
    streamed,
    text,
    tokens,
    videos,
    with_config,
    with_http_response,
    with_options,
    with_system,
)
from genai_fn.request import FlowGenerator
from genai_fn.schema import (
    AuthToken,
    CachedContent,
    ContentEmbedding,
    CountTokensResponse,
    DeleteCachedContentResponse,
    EmbedContentResponse,
    GenerateContentResponse,
    GenerateImagesResponse,
    GenerateVideosOperation,
    ListCachedContentsResponse,
    Model,
)

Response: TypeAlias = GenerateContentResponse

request = generate("gemini-2.5-flash", "hi")


def building() -> None:
    """Modifiers that shape keep the type; those that read change it."""
    assert_type(request, Request[Response])
    assert_type(request | with_config(temperature=0.2), Request[Response])
    assert_type(
        request | with_config({"top_k": 5}) | with_options(deadline=5.0) | with_system("be brief"), Request[Response]
    )
    assert_type(request | text, Flow[str])
    assert_type(request | text | with_config(temperature=0.2), Flow[str])
    assert_type(request | with_http_response, Request[ValueWithResponse[Response]])


def streaming() -> None:
    """A stream stays one until it is joined or collected."""
    assert_type(request | streamed, Stream[Response])
    assert_type(request | streamed | with_config(seed=1), Stream[Response])
    assert_type(request | streamed | text, Stream[str])
    assert_type(request | streamed | text | each(print), Stream[str])
    assert_type(request | streamed | joined, Flow[Response])
    assert_type(request | streamed | text | each(print) | joined, Flow[str])
    assert_type(request | streamed | collected, Flow[tuple[Response, ...]])
    assert_type(request | streamed | text | collected, Flow[tuple[str, ...]])


def composing() -> None:
    """Modifiers compose before they meet a request."""
    assert_type(with_config(temperature=0.2) | with_system("be brief"), Modifier)


def words_of_a_result() -> None:
    """Requests and flows have the words of a Result, and lambdas are inferred."""
    assert_type(request.map(lambda response: len(response.candidates)), Flow[int])
    assert_type((request | text).map(lambda said: said.upper()), Flow[str])
    assert_type((request | text).bind(lambda said: generate("m", said)), Flow[Response])
    assert_type((request | text).bind(lambda said: generate("m", said) | text), Flow[str])
    assert_type((request | text).lash(lambda error: generate("m", str(error)) | text), Flow[str])
    assert_type(request.lash(lambda error: generate("m", str(error)) | text), Flow[Response | str])


def resources() -> None:
    """Every operation knows what it answers with."""
    assert_type(embed("m", ["a", "b"]), Request[EmbedContentResponse])
    assert_type(tokens.count(request), Request[CountTokensResponse])
    assert_type(caches.create("m", {"ttl": "300s"}), Request[CachedContent])
    assert_type(caches.delete("c"), Request[DeleteCachedContentResponse])
    assert_type(images.generate("m", "a cat"), Request[GenerateImagesResponse])
    assert_type(videos.generate("m", "a cat"), Request[GenerateVideosOperation])
    assert_type(operations.get("operations/1", GenerateVideosOperation), Request[GenerateVideosOperation])
    assert_type(models.get("m"), Request[Model])
    assert_type(auth_tokens.create(), Request[AuthToken])


def paging(page: ListCachedContentsResponse) -> None:
    """A list is one page; all pages, or all that is on them, are a stream."""
    assert_type(caches.list(), Request[ListCachedContentsResponse])
    assert_type(caches.list() | pages, Stream[ListCachedContentsResponse])
    assert_type(caches.list() | items, Stream[CachedContent])
    assert_type(caches.list() | items | collected, Flow[tuple[CachedContent, ...]])
    assert_type(next_page(caches.list(), page), Request[ListCachedContentsResponse] | None)


def combining() -> None:
    """Two actions at once are one action of a pair; many are a stream."""
    assert_type(both(request, request | text), Flow[tuple[Response, str]])
    assert_type(gather([request, request]), Stream[Response])
    assert_type(gather([request | text]) | collected, Flow[tuple[str, ...]])
    assert_type(embed_many("m", ["a", "b"]), Stream[ContentEmbedding])


@flow
def refined(question: str, rounds: int = 2) -> FlowGenerator[Result[int, GenaiError]]:
    """Ask again and again."""
    answer = yield from ask(generate("m", question) | text)
    assert_type(answer, str)
    attempted = yield from attempt(generate("m", answer))
    assert_type(attempted, Result[Response, GenaiError])
    yield from sleep(1.0)
    return Success(rounds)


@stream
def thrice(word: str) -> FlowGenerator[None]:
    """Say a word three times."""
    for _ in range(3):
        yield from emit(Success(word))


def own_flows() -> None:
    """The decorators keep the parameters."""
    assert_type(refined("why?", rounds=3), Flow[int])
    assert_type(refined("why?") | with_options(deadline=5.0), Flow[int])
    assert_type(thrice("hi"), Stream[Any])


def running_in_threads(backend: Backend, interpreter: Interpreter) -> None:
    """Every interpreter answers with a Result of what was described."""
    assert_type(run(request), Result[Response, GenaiError])
    assert_type(run(request | text), Result[str, GenaiError])
    assert_type(run(both(request, request | text)), Result[tuple[Response, str], GenaiError])
    with Http(backend) as http:
        assert_type(http, Http)
        assert_type(http(request), Result[Response, GenaiError])
        assert_type(http(request | text), Result[str, GenaiError])
        with http.stream(request | streamed | text) as said:
            for item in said:
                assert_type(item, Result[str, GenaiError])
    assert_type(Offline()(request | text), Result[str, GenaiError])
    assert_type(interpreter(request), Result[Response, GenaiError])
    with interpreter.stream(request | streamed) as pieces:
        assert_type(next(pieces), Result[Response, GenaiError])


async def running_in_tasks(interpreter: AsyncInterpreter) -> None:
    """The same, awaited."""
    assert_type(await arun(request), Result[Response, GenaiError])
    async with AsyncHttp(Gemini(api_key="test-key")) as http:
        assert_type(http, AsyncHttp)
        assert_type(await http(request | text), Result[str, GenaiError])
        async with http.stream(request | streamed | text) as said:
            async for item in said:
                assert_type(item, Result[str, GenaiError])
    assert_type(await Offline().aio(request | text), Result[str, GenaiError])
    assert_type(await interpreter(request), Result[Response, GenaiError])
    async with interpreter.stream(request | streamed) as pieces:
        async for piece in pieces:
            assert_type(piece, Result[Response, GenaiError])


def interchangeable() -> tuple[tuple[Interpreter, ...], tuple[AsyncInterpreter, ...]]:
    """Interpreters of one world stand for each other."""
    return (run, Http(), Offline()), (AsyncHttp(), Offline().aio)


def either(action: Action[str], interpreter: Interpreter) -> str:
    """A request and a flow are both actions."""
    return raise_for(interpreter(action))


def reading(result: Result[Response, GenaiError]) -> str | None:
    """A success is told from a failure exactly, in either branch."""
    assert_type(raise_for(result), Response)
    if ok(result):
        assert_type(result.unwrap(), Response)
        return result.unwrap().text
    assert_type(result.failure(), GenaiError)
    return str(result.failure())


def matching(result: Result[str, GenaiError]) -> str:
    """A match reads well; what it captures is exact in pyright, and Any in mypy. It needs ``case _``."""
    match result:
        case Success(said):
            return str(said)
        case Failure(error):
            return str(error)
        case _:
            return ""


def reading_streams(now: Iterator[Result[str, GenaiError]], later: AsyncIterator[Result[str, GenaiError]]) -> None:
    """`raise_for` reads streams too."""
    assert_type(raise_for(now), Iterator[str])
    assert_type(raise_for(later), AsyncIterator[str])


def at_the_pure_edge(response: HttpResponse) -> None:
    """The wire is typed on both sides."""
    assert_type(backend_from_env({}), Result[Backend, GenaiError])
    assert_type(encode(request, Gemini("test-key")), Result[HttpRequest, GenaiError])
    assert_type(decode(request, response, Gemini("test-key")), Result[Response, GenaiError])
