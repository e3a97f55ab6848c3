"""Sequences of requests over all resources, to run with the offline interpreter and with a served emulator."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from genai_fn import (
    auth_tokens,
    batches,
    caches,
    chats,
    collected,
    embed,
    embed_many,
    files,
    gather,
    generate,
    images,
    items,
    models,
    stores,
    streamed,
    text,
    tokens,
    tunings,
    until_done,
    videos,
    with_config,
)

__all__ = [
    "Run",
    "run_model_scenario",
    "run_project_scenario",
    "run_storage_scenario",
    "run_token_scenario",
]

Run: TypeAlias = Callable[[Any], Awaitable[Any]]

MODEL = "gemini-2.5-flash"


async def run_model_scenario(run: Run) -> None:
    """Use operations of both backends: contents, tokens, embeddings, caches, models, images, videos."""
    answer = await run(generate(MODEL, "Why?") | text)
    assert "".join(await run(generate(MODEL, "Why?") | streamed | text | collected)) == answer
    chat = chats.start(MODEL)
    for question in ("one", "two"):
        turn = await run(chats.send(chat, question))
        chat = turn.chat
    assert "Before that came 2 turns." in str(turn.answer.text)
    assert len(await run(gather(generate(MODEL, str(each)) for each in range(5)) | collected)) == 5
    token_count = await run(tokens.count(generate(MODEL, "Why is it blue?")))
    assert token_count.total_tokens == (await run(generate(MODEL, "Why is it blue?"))).usage_metadata.prompt_token_count
    vectors = await run(embed_many("text-embedding-004", ["a tea", "a pot"]) | collected)
    assert [len(each.values) for each in vectors] == [768, 768]
    assert (await run(embed("text-embedding-004", "a tea"))).embeddings[0].values == vectors[0].values
    cache = await run(caches.create(MODEL, {"contents": "a long book", "ttl": "300s"}))
    request = generate(MODEL, "Who?") | with_config(cached_content=cache.name)
    assert (await run(request)).usage_metadata.cached_content_token_count == 3
    assert (await run(caches.update(cache.name, {"ttl": "60s"}))).expire_time < cache.expire_time
    assert [each.name for each in await run(caches.list() | items | collected)] == [cache.name]
    await run(caches.delete(cache.name))
    assert MODEL in (await run(models.get(MODEL))).name
    assert len(await run(models.list({"page_size": 5}) | items | collected)) > 10
    image_response = await run(images.generate("imagen-4.0-generate-001", "a cat"))
    assert image_response.generated_images[0].image.image_bytes.startswith(b"\x89PNG")
    operation = await run(videos.generate("veo-3.1-generate-preview", "a cat runs") | until_done(every=3600))
    assert operation.done


async def run_storage_scenario(run: Run) -> None:
    """Use operations of Gemini: files, batches, stores, tuned models."""
    file = await run(
        files.upload(b"the tea is green", {"mime_type": "text/plain", "display_name": "tea"}) | until_done(every=3600)
    )
    assert (await run(files.get(file.name))).size_bytes == 16
    assert "1 text/plain" in await run(generate(MODEL, [file, "What is it?"]) | text)
    assert await run(files.download(file.name)) == b"the tea is green"
    requests = [generate(MODEL, "one"), generate(MODEL, "two")]
    job = await run(batches.create(MODEL, requests) | until_done(every=3600))
    assert [each.unwrap() for each in batches.join(requests, job)] == [await run(each) for each in requests]
    store = await run(stores.create({"display_name": "teas"}))
    await run(stores.upload(store.name, b"Oolong is a tea.", {"mime_type": "text/plain"}) | until_done(every=3600))
    await run(stores.import_file(store.name, file.name) | until_done(every=3600))
    search = {"tools": [{"file_search": {"file_search_store_names": [store.name]}}]}
    response = await run(generate(MODEL, "What is oolong?", search))
    assert "Oolong" in response.candidates[0].grounding_metadata.grounding_chunks[0].retrieved_context.text
    await run(stores.delete(store.name, {"force": True}))
    tuning_job = await run(
        tunings.tune(f"models/{MODEL}", {"examples": [{"text_input": "1", "output": "2"}]}) | until_done(every=3600)
    )
    tuned_model = await run(models.update(tuning_job.name, {"display_name": "Mine"}))
    assert tuned_model.display_name == "Mine"
    assert [each.name for each in await run(models.list({"query_base": False}) | items | collected)] == [
        tuned_model.name
    ]
    await run(models.delete(tuned_model.name))
    operation = await run(videos.generate("veo-3.1-generate-preview", "a cat runs") | until_done(every=3600))
    assert (await run(files.download(operation.response.generated_videos[0])))[4:8] == b"ftyp"
    await run(files.delete(file.name))


async def run_token_scenario(run: Run) -> None:
    """Use ephemeral tokens, which only v1alpha has."""
    assert (await run(auth_tokens.create({"uses": 1}))).name.startswith("auth_tokens/")


async def run_project_scenario(run: Run) -> None:
    """Use operations of Vertex AI: jobs, tuned models, computed tokens."""
    job = await run(batches.create(MODEL, "gs://b/asked.jsonl") | until_done(every=3600))
    assert job.dest.gcs_uri.startswith("gs://b/")
    tokens_info = await run(tokens.compute(MODEL, "a tea"))
    assert tokens_info.tokens_info[0].tokens == (b"a", b" tea")
    tuning_job = await run(tunings.tune(MODEL, {"gcs_uri": "gs://b/examples.jsonl"}) | until_done(every=3600))
    tuned_model = await run(models.update(tuning_job.tuned_model.model, {"display_name": "Mine"}))
    assert tuned_model.display_name == "Mine"
    await run(models.delete(tuned_model.name))
    assert await run(models.list({"query_base": False}) | items | collected) == ()
