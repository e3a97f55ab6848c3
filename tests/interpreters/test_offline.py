"""`Offline`: a story over every resource, in every world, without a network and without waiting."""

import subprocess
import sys
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeAlias

import anyio
import pytest

from genai_fn import (
    Gemini,
    InvalidRequest,
    Offline,
    Request,
    Result,
    Success,
    Vertex,
    ask,
    auth_tokens,
    batches,
    caches,
    chats,
    collected,
    embed,
    embed_many,
    emit,
    files,
    flow,
    gather,
    generate,
    images,
    items,
    models,
    raise_for,
    sleep,
    stores,
    stream,
    streamed,
    text,
    tokens,
    tunings,
    until_done,
    videos,
    with_config,
)
from genai_fn.http import FileSlice
from genai_fn.ops.files.uploads import SendUploadChunk
from genai_fn.request import FlowGenerator

Run: TypeAlias = Callable[[Any], Awaitable[Any]]

WORLDS = ("sync", "asyncio", "trio")
MODEL = "gemini-2.5-flash"
SESSION = "https://generativelanguage.googleapis.com/upload/v1beta/files?upload_id=1"


def told(story: Callable[[Run], Awaitable[None]], run: Offline, world: str) -> None:
    """Have a story run in a world; what it runs has to succeed."""

    async def at_once(action: Any) -> Any:
        return raise_for(run(action))

    async def awaited(action: Any) -> Any:
        return raise_for(await run.aio(action))

    anyio.run(story, at_once if world == "sync" else awaited, backend="asyncio" if world == "sync" else world)


async def talking(run: Run) -> None:
    """What both backends have: contents, tokens, vectors, caches, models, images, videos."""
    said = await run(generate(MODEL, "Why?") | text)
    assert "".join(await run(generate(MODEL, "Why?") | streamed | text | collected)) == said
    chat = chats.start(MODEL)
    for question in ("one", "two"):
        turn = await run(chats.send(chat, question))
        chat = turn.chat
    assert "Before that came 2 turns." in str(turn.answer.text)
    assert len(await run(gather(generate(MODEL, str(each)) for each in range(5)) | collected)) == 5
    counted = await run(tokens.count(generate(MODEL, "Why is it blue?")))
    assert counted.total_tokens == (await run(generate(MODEL, "Why is it blue?"))).usage_metadata.prompt_token_count
    vectors = await run(embed_many("text-embedding-004", ["a tea", "a pot"]) | collected)
    assert [len(each.values) for each in vectors] == [768, 768]
    assert (await run(embed("text-embedding-004", "a tea"))).embeddings[0].values == vectors[0].values
    cache = await run(caches.create(MODEL, {"contents": "a long book", "ttl": "300s"}))
    asked = generate(MODEL, "Who?") | with_config(cached_content=cache.name)
    assert (await run(asked)).usage_metadata.cached_content_token_count == 3
    assert (await run(caches.update(cache.name, {"ttl": "60s"}))).expire_time < cache.expire_time
    assert [each.name for each in await run(caches.list() | items | collected)] == [cache.name]
    await run(caches.delete(cache.name))
    assert MODEL in (await run(models.get(MODEL))).name
    assert len(await run(models.list({"page_size": 5}) | items | collected)) > 10
    drawn = await run(images.generate("imagen-4.0-generate-001", "a cat"))
    assert drawn.generated_images[0].image.image_bytes.startswith(b"\x89PNG")
    filmed = await run(videos.generate("veo-3.1-generate-preview", "a cat runs") | until_done(every=3600))
    assert filmed.done


async def keeping(run: Run) -> None:
    """What Gemini has alone: files, batches of its own, stores, tuned models, tokens."""
    file = await run(
        files.upload(b"the tea is green", {"mime_type": "text/plain", "display_name": "tea"}) | until_done(every=3600)
    )
    assert (await run(files.get(file.name))).size_bytes == 16
    assert "1 text/plain" in await run(generate(MODEL, [file, "What is it?"]) | text)
    assert await run(files.download(file.name)) == b"the tea is green"
    asked = [generate(MODEL, "one"), generate(MODEL, "two")]
    job = await run(batches.create(MODEL, asked) | until_done(every=3600))
    assert [each.unwrap() for each in batches.join(asked, job)] == [await run(each) for each in asked]
    store = await run(stores.create({"display_name": "teas"}))
    await run(stores.upload(store.name, b"Oolong is a tea.", {"mime_type": "text/plain"}) | until_done(every=3600))
    await run(stores.import_file(store.name, file.name) | until_done(every=3600))
    search = {"tools": [{"file_search": {"file_search_store_names": [store.name]}}]}
    found = await run(generate(MODEL, "What is oolong?", search))
    assert "Oolong" in found.candidates[0].grounding_metadata.grounding_chunks[0].retrieved_context.text
    await run(stores.delete(store.name, {"force": True}))
    tuned = await run(
        tunings.tune(f"models/{MODEL}", {"examples": [{"text_input": "1", "output": "2"}]}) | until_done(every=3600)
    )
    own = await run(models.update(tuned.name, {"display_name": "Mine"}))
    assert own.display_name == "Mine"
    assert [each.name for each in await run(models.list({"query_base": False}) | items | collected)] == [own.name]
    await run(models.delete(own.name))
    filmed = await run(videos.generate("veo-3.1-generate-preview", "a cat runs") | until_done(every=3600))
    assert (await run(files.download(filmed.response.generated_videos[0])))[4:8] == b"ftyp"
    await run(files.delete(file.name))


async def admitting(run: Run) -> None:
    """Tokens, which v1alpha has alone."""
    assert (await run(auth_tokens.create({"uses": 1}))).name.startswith("auth_tokens/")


async def projecting(run: Run) -> None:
    """What Vertex AI has alone: jobs, their models, the tokens themselves."""
    job = await run(batches.create(MODEL, "gs://b/asked.jsonl") | until_done(every=3600))
    assert job.dest.gcs_uri.startswith("gs://b/")
    computed = await run(tokens.compute(MODEL, "a tea"))
    assert computed.tokens_info[0].tokens == (b"a", b" tea")
    tuned = await run(tunings.tune(MODEL, {"gcs_uri": "gs://b/examples.jsonl"}) | until_done(every=3600))
    own = await run(models.update(tuned.tuned_model.model, {"display_name": "Mine"}))
    assert own.display_name == "Mine"
    await run(models.delete(own.name))
    assert await run(models.list({"query_base": False}) | items | collected) == ()


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize(
    ("backend", "stories"),
    [
        (Gemini(), (talking, keeping)),
        (Gemini(api_version="v1alpha"), (admitting,)),
        (Vertex("p", "us-central1"), (talking, projecting)),
    ],
    ids=["gemini", "alpha", "vertex"],
)
def test_stories(backend: Any, stories: Any, world: str) -> None:
    """Every resource is there, in every world, and waiting takes no time."""
    run = Offline(backend)
    for story in stories:
        told(story, run, world)


# What is kept


def test_one_service() -> None:
    """What is made in one world is there in the others; another `Offline` begins anew."""
    run = Offline()
    file = run(files.upload(b"tea", {"mime_type": "text/plain"})).unwrap()

    async def awaited() -> Any:
        return await run.aio(files.get(file.name))

    assert [anyio.run(awaited, backend=each) for each in ("asyncio", "trio")] == [Success(file)] * 2
    assert Offline()(files.get(file.name)).failure().code == 403


def test_again() -> None:
    """The same calls in the same order are answered the same."""

    def told_by(run: Offline) -> Any:
        file = run(files.upload(b"tea", {"mime_type": "text/plain"})).unwrap()
        job = run(batches.create(MODEL, [generate(MODEL, "one")]) | until_done()).unwrap()
        return file, job, run(caches.create(MODEL, {"contents": "a book"}))

    assert told_by(Offline()) == told_by(Offline())


@flow
def waited(cache: str, seconds: float) -> FlowGenerator[Result[Any, Any]]:
    """Wait, and look a cache up."""
    yield from sleep(seconds)
    return Success((yield from ask(caches.get(cache))))


def test_time() -> None:
    """Time goes on when somebody sleeps, for all that comes after."""
    run = Offline()
    cache = run(caches.create(MODEL, {"contents": "a book", "ttl": "100s"})).unwrap()
    assert cache.expire_time.isoformat() == "2026-01-01T00:01:40+00:00"
    assert run(waited(cache.name, 60)).unwrap() == cache
    assert run(waited(cache.name, 60)).failure().code == 403
    assert run(caches.create(MODEL, {"contents": "a book"})).unwrap().create_time.minute == 2


@pytest.mark.parametrize("seconds", [1e12, 1e300])
def test_ages(seconds: float) -> None:
    """Who sleeps for ages is answered all the same."""
    assert Offline()(waited("x", seconds)).failure().code == 403


def test_together() -> None:
    """Those who sleep at the same time do not wait for each other, and time goes on by the longest sleep."""
    run = Offline()
    cache = run(caches.create(MODEL, {"contents": "a book", "ttl": "100s"})).unwrap().name
    found = run(gather([waited(cache, 10), waited(cache, 90)]) | collected).unwrap()
    assert [each.name for each in found] == [cache, cache]
    assert run(waited(cache, 9)).unwrap().name == cache
    assert run(waited(cache, 1)).failure().code == 403


def test_in_threads() -> None:
    """Any number of threads may use one, and no name is given out twice."""
    run = Offline()
    with ThreadPoolExecutor(8) as threads:
        uploads = [threads.submit(run, files.upload(b"tea", {"mime_type": "text/plain"})) for _ in range(40)]
    assert len({each.result().unwrap().name for each in uploads}) == 40


# Files on disk


async def disk(run: Run, folder: Path) -> None:
    """Send a file up, and fetch it back."""
    content = bytes(range(256)) * 40_000
    (folder / "tea.txt").write_bytes(content)
    file = await run(files.upload(str(folder / "tea.txt")))
    assert (file.display_name, file.size_bytes) == ("tea.txt", len(content))
    assert (await run(files.download(file.name, folder / "back.txt"))).read_bytes() == content


@pytest.mark.parametrize("world", WORLDS)
def test_paths(world: str, tmp_path: Path) -> None:
    """A file is read from its path in pieces, and written to one."""
    told(lambda run: disk(run, tmp_path), Offline(), world)


@pytest.mark.parametrize("world", WORLDS)
def test_short_file(world: str, tmp_path: Path) -> None:
    """A file that has become shorter than it was is a failure, in the words of HTTP."""
    path = tmp_path / "tea.txt"
    path.write_bytes(b"tea")
    piece = Request(SendUploadChunk(session=SESSION, offset=0, data=FileSlice(str(path), 0, 4), is_last=True))
    with pytest.raises(InvalidRequest, match="ended 1 bytes early"):
        told(lambda run: run(piece), Offline(), world)


# Streams


def test_sync_stream() -> None:
    """A stream is read piece by piece, and left in the middle."""
    with Offline().stream(generate(MODEL, "Why?") | streamed | text) as pieces:
        assert next(pieces).unwrap().startswith("I am")
    assert list(pieces) == []


@pytest.mark.parametrize("world", ["asyncio", "trio"])
def test_async_stream(world: str) -> None:
    """So it is where it is awaited; what sleeps in it does not wait."""

    @stream
    def slow() -> FlowGenerator[None]:
        yield from sleep(3600)
        yield from emit(Success((yield from ask(generate(MODEL, "Why?") | text))))

    async def story() -> None:
        async with Offline().aio.stream(generate(MODEL, "Why?") | streamed | text) as pieces:
            assert (await anext(pieces)).unwrap().startswith("I am")
        async with Offline().aio.stream(slow()) as whole:
            assert [each.unwrap()[:4] async for each in whole] == ["I am"]

    anyio.run(story, backend=world)


# What it costs


def test_is_loaded_late() -> None:
    """Neither the package nor `Offline` itself loads what an async world needs."""
    script = "import sys, genai_fn; assert 'genai_fn.emulator' not in sys.modules; genai_fn.Offline(); "
    script += "assert not {'anyio', 'httpcore', 'ssl'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True, timeout=600)
