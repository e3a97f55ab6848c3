"""The types that mypy and pyright infer for the public API, in strict mode. Nothing calls these functions."""

from collections.abc import AsyncIterator, Iterator
from typing import Any, TypeAlias, assert_type

from numpy import float32
from numpy.typing import NDArray

from genai_fn import (
    Action,
    AsyncHttp,
    AsyncInterpreter,
    Backend,
    ContentEmbeddingArray,
    EmbedContentArrayResponse,
    Failure,
    Flow,
    Gemini,
    GenaiError,
    Http,
    HttpRequest,
    HttpResponse,
    Interpreter,
    LocalTokenizer,
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
    ComputeTokensResult,
    ContentEmbedding,
    CountTokensResponse,
    CountTokensResult,
    DeleteCachedContentResponse,
    EmbedContentResponse,
    GenerateContentResponse,
    GenerateImagesResponse,
    GenerateVideosOperation,
    Image,
    ListCachedContentsResponse,
    Metric,
    Model,
    Video,
)

Response: TypeAlias = GenerateContentResponse

request = generate("gemini-2.5-flash", "hi")


def building() -> None:
    """Modifiers that configure a request keep its type; modifiers that read its response change it."""
    assert_type(request, Request[Response])
    assert_type(request | with_config(temperature=0.2), Request[Response])
    assert_type(
        request | with_config({"top_k": 5}) | with_options(deadline=5.0) | with_system("be brief"), Request[Response]
    )
    assert_type(request | text, Flow[str])
    assert_type(request | text | with_config(temperature=0.2), Flow[str])
    assert_type(request | with_http_response, Request[ValueWithResponse[Response]])


def streaming() -> None:
    """A stream remains a stream until it is joined or collected."""
    assert_type(request | streamed, Stream[Response])
    assert_type(request | streamed | with_config(seed=1), Stream[Response])
    assert_type(request | streamed | text, Stream[str])
    assert_type(request | streamed | text | each(print), Stream[str])
    assert_type(request | streamed | joined, Flow[Response])
    assert_type(request | streamed | text | each(print) | joined, Flow[str])
    assert_type(request | streamed | collected, Flow[tuple[Response, ...]])
    assert_type(request | streamed | text | collected, Flow[tuple[str, ...]])


def composing() -> None:
    """Modifiers can be composed before they are applied to a request."""
    assert_type(with_config(temperature=0.2) | with_system("be brief"), Modifier)


def words_of_a_result() -> None:
    """Requests and flows have the methods of a Result, and lambdas need no annotations."""
    assert_type(request.map(lambda response: len(response.candidates)), Flow[int])
    assert_type((request | text).map(lambda answer: answer.upper()), Flow[str])
    assert_type((request | text).bind(lambda answer: generate("m", answer)), Flow[Response])
    assert_type((request | text).bind(lambda answer: generate("m", answer) | text), Flow[str])
    assert_type((request | text).lash(lambda error: generate("m", str(error)) | text), Flow[str])
    assert_type(request.lash(lambda error: generate("m", str(error)) | text), Flow[Response | str])


def resources() -> None:
    """Every builder returns a request of the type of its response."""
    assert_type(embed("m", ["a", "b"]), Request[EmbedContentResponse])
    assert_type(embed("m", ["a", "b"], output="tuples"), Request[EmbedContentResponse])
    assert_type(embed("m", ["a", "b"], output="numpy"), Request[EmbedContentArrayResponse])
    assert_type(EmbedContentArrayResponse().values, NDArray[float32])
    assert_type(ContentEmbeddingArray().values, NDArray[float32])
    assert_type(tokens.count(request), Request[CountTokensResponse])
    assert_type(caches.create("m", {"ttl": "300s"}), Request[CachedContent])
    assert_type(caches.delete("c"), Request[DeleteCachedContentResponse])
    assert_type(images.generate("m", "a cat"), Request[GenerateImagesResponse])
    assert_type(Image(image_bytes=b"x").as_pillow().size, tuple[int, int])
    assert_type(Image(image_bytes=b"x").show(), None)
    assert_type(Video(video_bytes=b"x").show(), None)
    assert_type(Metric(name="a", custom_function=len).to_yaml_file("a.yaml"), None)
    assert_type(videos.generate("m", "a cat"), Request[GenerateVideosOperation])
    assert_type(operations.get("operations/1", GenerateVideosOperation), Request[GenerateVideosOperation])
    assert_type(models.get("m"), Request[Model])
    assert_type(auth_tokens.create(), Request[AuthToken])


def paging(page: ListCachedContentsResponse) -> None:
    """A list request returns one page; all pages and all items are streams."""
    assert_type(caches.list(), Request[ListCachedContentsResponse])
    assert_type(caches.list() | pages, Stream[ListCachedContentsResponse])
    assert_type(caches.list() | items, Stream[CachedContent])
    assert_type(caches.list() | items | collected, Flow[tuple[CachedContent, ...]])
    assert_type(next_page(caches.list(), page), Request[ListCachedContentsResponse] | None)


def combining() -> None:
    """Two concurrent actions are one action of a pair; many are a stream."""
    assert_type(both(request, request | text), Flow[tuple[Response, str]])
    assert_type(gather([request, request]), Stream[Response])
    assert_type(gather([request | text]) | collected, Flow[tuple[str, ...]])
    assert_type(embed_many("m", ["a", "b"]), Stream[ContentEmbedding])
    assert_type(embed_many("m", ["a", "b"], output="numpy"), Stream[ContentEmbeddingArray])
    assert_type(
        embed_many("m", iter("ab"), batch_size=None, max_batch_tokens=9, count_tokens=len, stop_on_failure=False),
        Stream[ContentEmbedding],
    )
    assert_type(embed_many("m", ["a"], stop_on_failure="fatal") | collected, Flow[tuple[ContentEmbedding, ...]])


@flow
def refine_answer(question: str, rounds: int = 2) -> FlowGenerator[Result[int, GenaiError]]:
    """Yield from commands of a flow."""
    answer = yield from ask(generate("m", question) | text)
    assert_type(answer, str)
    attempted = yield from attempt(generate("m", answer))
    assert_type(attempted, Result[Response, GenaiError])
    yield from sleep(1.0)
    return Success(rounds)


@stream
def thrice(word: str) -> FlowGenerator[None]:
    """Emit an item three times."""
    for _ in range(3):
        yield from emit(Success(word))


def own_flows() -> None:
    """The decorators keep the parameters of the generator."""
    assert_type(refine_answer("why?", rounds=3), Flow[int])
    assert_type(refine_answer("why?") | with_options(deadline=5.0), Flow[int])
    assert_type(thrice("hi"), Stream[Any])


def running_in_threads(backend: Backend, interpreter: Interpreter) -> None:
    """Every interpreter returns a Result of the type of the action."""
    assert_type(run(request), Result[Response, GenaiError])
    assert_type(run(request | text), Result[str, GenaiError])
    assert_type(run(both(request, request | text)), Result[tuple[Response, str], GenaiError])
    with Http(backend) as http:
        assert_type(http, Http)
        assert_type(http(request), Result[Response, GenaiError])
        assert_type(http(request | text), Result[str, GenaiError])
        with http.stream(request | streamed | text) as stream_items:
            for item in stream_items:
                assert_type(item, Result[str, GenaiError])
    assert_type(Offline()(request | text), Result[str, GenaiError])
    assert_type(interpreter(request), Result[Response, GenaiError])
    with interpreter.stream(request | streamed) as chunks:
        assert_type(next(chunks), Result[Response, GenaiError])


async def running_in_tasks(interpreter: AsyncInterpreter) -> None:
    """The same for async interpreters."""
    assert_type(await arun(request), Result[Response, GenaiError])
    async with AsyncHttp(Gemini(api_key="test-key")) as http:
        assert_type(http, AsyncHttp)
        assert_type(await http(request | text), Result[str, GenaiError])
        async with http.stream(request | streamed | text) as stream_items:
            async for item in stream_items:
                assert_type(item, Result[str, GenaiError])
    assert_type(await Offline().aio(request | text), Result[str, GenaiError])
    assert_type(await interpreter(request), Result[Response, GenaiError])
    async with interpreter.stream(request | streamed) as chunks:
        async for chunk in chunks:
            assert_type(chunk, Result[Response, GenaiError])


def interchangeable() -> tuple[tuple[Interpreter, ...], tuple[AsyncInterpreter, ...]]:
    """Interpreters of the same kind are interchangeable."""
    return (run, Http(), Offline()), (AsyncHttp(), Offline().aio)


def either(action: Action[str], interpreter: Interpreter) -> str:
    """A request and a flow are both actions."""
    return raise_for(interpreter(action))


def reading(result: Result[Response, GenaiError]) -> str | None:
    """`ok` narrows exactly, in both branches."""
    assert_type(raise_for(result), Response)
    if ok(result):
        assert_type(result.unwrap(), Response)
        return result.unwrap().text
    assert_type(result.failure(), GenaiError)
    return str(result.failure())


def matching(result: Result[str, GenaiError]) -> str:
    """What a match captures is exact in pyright and Any in mypy. pyright requires ``case _``."""
    match result:
        case Success(value):
            return str(value)
        case Failure(error):
            return str(error)
        case _:
            return ""


def reading_streams(now: Iterator[Result[str, GenaiError]], later: AsyncIterator[Result[str, GenaiError]]) -> None:
    """`raise_for` accepts the items of streams, too."""
    assert_type(raise_for(now), Iterator[str])
    assert_type(raise_for(later), AsyncIterator[str])


def counting_locally(tokenizer: LocalTokenizer) -> None:
    """Loading a tokenizer returns a Result, and counting a value."""
    assert_type(LocalTokenizer.load("gemini-2.5-flash"), Result[LocalTokenizer, GenaiError])
    assert_type(LocalTokenizer.from_file("x.model"), Result[LocalTokenizer, GenaiError])
    assert_type(tokenizer.count_tokens(request), CountTokensResult)
    assert_type(tokenizer.count_tokens("a", {"system_instruction": "b"}), CountTokensResult)
    assert_type(tokenizer.compute_tokens(["a", "b"]), ComputeTokensResult)


def at_the_pure_edge(response: HttpResponse) -> None:
    """`encode` and `decode` are typed."""
    assert_type(backend_from_env({}), Result[Backend, GenaiError])
    assert_type(encode(request, Gemini("test-key")), Result[HttpRequest, GenaiError])
    assert_type(decode(request, response, Gemini("test-key")), Result[Response, GenaiError])
