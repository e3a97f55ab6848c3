"""google-genai 1.51.0, unmodified, uses every resource of the emulator."""

from typing import Any

import pydantic
import pytest
from google.genai import errors, types

from tests.support.google_genai.official_sdk import SdkFacade, SdkRunner

pytestmark = pytest.mark.filterwarnings("ignore::google.genai.errors.ExperimentalWarning")

MODEL = "gemini-2.5-flash"


def get_weather(city: str) -> str:
    """Return the weather of a city."""
    return f"fine in {city}"


class Recipe(pydantic.BaseModel):
    name: str
    minutes: int


class TestGenerate:
    def test_whole(self, sdk: SdkRunner) -> None:
        """A question is answered, with usage."""

        async def scenario(facade: SdkFacade) -> None:
            response = await facade.call(facade.api.models.generate_content(model=MODEL, contents="Why?"))
            assert "You asked: “Why?”" in response.text
            assert response.usage_metadata.total_token_count > response.usage_metadata.prompt_token_count > 0

        sdk.run(scenario)

    def test_stream(self, sdk: SdkRunner) -> None:
        """The chunks of a stream concatenate to the whole answer."""

        async def scenario(facade: SdkFacade) -> None:
            request = {"model": MODEL, "contents": "Why?"}
            response = await facade.call(facade.api.models.generate_content(**request))
            chunks = await facade.list_all(facade.api.models.generate_content_stream(**request))
            assert len(chunks) > 1
            assert "".join(each.text for each in chunks) == response.text

        sdk.run(scenario)

    def test_chat(self, sdk: SdkRunner) -> None:
        """A chat sends its earlier turns, also with streaming."""

        async def scenario(facade: SdkFacade) -> None:
            chat = facade.api.chats.create(model=MODEL)
            await facade.call(chat.send_message("One?"))
            chunks = await facade.list_all(chat.send_message_stream("Two?"))
            assert "Before that came 2 turns." in "".join(each.text for each in chunks)
            assert [each.role for each in chat.get_history()][:4] == [
                "user",
                "model",
            ] * 2  # in google-genai, each chunk is a turn

        sdk.run(scenario)

    def test_functions(self, sdk: SdkRunner) -> None:
        """The SDK calls a function, and sends its result back."""

        async def scenario(facade: SdkFacade) -> None:
            config = types.GenerateContentConfig(
                tools=[get_weather],
                tool_config=types.ToolConfig(
                    function_calling_config=types.FunctionCallingConfig(mode=types.FunctionCallingConfigMode.ANY)
                ),
                automatic_function_calling=types.AutomaticFunctionCallingConfig(maximum_remote_calls=2),
            )
            response = await facade.call(
                facade.api.models.generate_content(model=MODEL, contents="Rome?", config=config)
            )
            answers = [
                part.function_response.response
                for turn in response.automatic_function_calling_history
                for part in turn.parts
                if part.function_response
            ]
            assert answers[0] == {"result": "fine in Rome?"}

        sdk.run(scenario)

    def test_schema(self, sdk: SdkRunner) -> None:
        """A response schema is respected."""

        async def scenario(facade: SdkFacade) -> None:
            config = {"response_mime_type": "application/json", "response_schema": Recipe}
            response = await facade.call(
                facade.api.models.generate_content(model=MODEL, contents="Pie?", config=config)
            )
            assert isinstance(response.parsed, Recipe)

        sdk.run(scenario)

    def test_fault(self, sdk: SdkRunner) -> None:
        """Invalid requests and injected faults are errors in the API's format."""

        async def scenario(facade: SdkFacade) -> None:
            with pytest.raises(errors.ClientError) as wrong:
                await facade.call(
                    facade.api.models.generate_content(model=MODEL, contents="?", config={"candidate_count": 99})
                )
            assert (wrong.value.code, wrong.value.status) == (400, "INVALID_ARGUMENT")
            config = {"http_options": {"headers": {"x-emulate": "status=429; retry=1.5"}}}
            with pytest.raises(errors.ClientError) as busy:
                await facade.call(facade.api.models.generate_content(model=MODEL, contents="?", config=config))
            assert (busy.value.code, busy.value.status) == (429, "RESOURCE_EXHAUSTED")
            *_, quota, _, advice = busy.value.details["error"]["details"]
            assert quota["violations"][0]["quotaDimensions"] == {"location": "global"}
            assert advice["retryDelay"] == "1.5s"

        sdk.run(scenario)


class TestTokens:
    def test_count(self, sdk: SdkRunner) -> None:
        """Tokens are counted."""

        async def scenario(facade: SdkFacade) -> None:
            token_count = await facade.call(facade.api.models.count_tokens(model=MODEL, contents="One, two."))
            assert token_count.total_tokens > 0

        sdk.run(scenario)

    def test_compute(self, vertex: SdkRunner) -> None:
        """Vertex AI returns the tokens themselves."""

        async def scenario(facade: SdkFacade) -> None:
            tokens_response = await facade.call(facade.api.models.compute_tokens(model=MODEL, contents="One, two."))
            (info,) = tokens_response.tokens_info
            assert len(info.token_ids) == len(info.tokens) > 0

        vertex.run(scenario)


def test_embeddings(sdk: SdkRunner) -> None:
    """Each text has a vector of the requested length."""

    async def scenario(facade: SdkFacade) -> None:
        texts = ["a cat", "a dog", "the cat"]
        request = facade.api.models.embed_content(
            model="text-embedding-004", contents=texts, config={"output_dimensionality": 64}
        )
        vectors = (await facade.call(request)).embeddings
        assert [len(each.values) for each in vectors] == [64] * 3

    sdk.run(scenario)


def test_files(gemini: SdkRunner, tmp_path: Any) -> None:
    """A file is uploaded, fetched, listed, used in contents, and deleted."""
    path = tmp_path / "note.txt"
    path.write_text("a note")

    async def scenario(facade: SdkFacade) -> None:
        files = facade.api.files
        uploaded_file = await facade.call(files.upload(file=str(path), config={"display_name": "Note"}))
        assert (uploaded_file.size_bytes, uploaded_file.mime_type, uploaded_file.display_name) == (
            6,
            "text/plain",
            "Note",
        )
        fetched = await facade.poll_until(
            lambda: files.get(name=uploaded_file.name), lambda file: file.state == types.FileState.ACTIVE
        )
        assert [each.name for each in await facade.list_all(files.list())] == [fetched.name]
        response = await facade.call(facade.api.models.generate_content(model=MODEL, contents=["What is it?", fetched]))
        assert "1 text/plain" in response.text
        await facade.call(files.delete(name=uploaded_file.name))
        with pytest.raises(errors.ClientError):
            await facade.call(files.get(name=uploaded_file.name))

    gemini.run(scenario)


def test_caches(sdk: SdkRunner) -> None:
    """A cache is created, fetched, updated, used, listed and deleted."""

    async def scenario(facade: SdkFacade) -> None:
        caches = facade.api.caches
        cache = await facade.call(caches.create(model=MODEL, config={"contents": ["a long story"], "ttl": "300s"}))
        fetched = await facade.call(caches.get(name=cache.name))
        assert fetched.name == cache.name
        updated_cache = await facade.call(caches.update(name=cache.name, config={"ttl": "600s"}))
        assert updated_cache.expire_time > fetched.expire_time
        assert [each.name for each in await facade.list_all(caches.list())] == [cache.name]
        response = await facade.call(
            facade.api.models.generate_content(model=MODEL, contents="?", config={"cached_content": cache.name})
        )
        assert response.usage_metadata.cached_content_token_count > 0
        await facade.call(caches.delete(name=cache.name))
        assert await facade.list_all(caches.list()) == []

    sdk.run(scenario)


def is_finished(job: Any) -> bool:
    return str(job.state.value).endswith(("SUCCEEDED", "FAILED", "CANCELLED"))


class TestBatches:
    def test_inlined(self, gemini: SdkRunner) -> None:
        """A batch of requests has its responses in order."""

        async def scenario(facade: SdkFacade) -> None:
            batches = facade.api.batches
            src = [{"contents": [{"parts": [{"text": each}], "role": "user"}]} for each in ("One?", "Two?")]
            job = await facade.call(batches.create(model=MODEL, src=src, config={"display_name": "two"}))
            finished = await facade.poll_until(lambda: batches.get(name=job.name), is_finished)
            assert finished.state == types.JobState.JOB_STATE_SUCCEEDED
            texts = [each.response.text for each in finished.dest.inlined_responses]
            assert ["One?" in texts[0], "Two?" in texts[1]] == [True, True]
            assert [each.name for each in await facade.list_all(batches.list())] == [job.name]
            await facade.call(batches.delete(name=job.name))
            assert await facade.list_all(batches.list()) == []

        gemini.run(scenario)

    def test_file(self, gemini: SdkRunner, tmp_path: Any) -> None:
        """A batch from a file has its responses in a file."""
        path = tmp_path / "batch.jsonl"
        path.write_text('{"key": "a", "request": {"contents": [{"parts": [{"text": "One?"}], "role": "user"}]}}\n')

        async def scenario(facade: SdkFacade) -> None:
            source = await facade.call(facade.api.files.upload(file=str(path), config={"mime_type": "jsonl"}))
            batches = facade.api.batches
            job = await facade.call(batches.create(model=MODEL, src=source.name))
            finished = await facade.poll_until(lambda: batches.get(name=job.name), is_finished)
            answers = await facade.call(facade.api.files.download(file=finished.dest.file_name))
            assert b"One?" in answers

        gemini.run(scenario)

    def test_embeddings(self, gemini: SdkRunner) -> None:
        """A batch of embeddings succeeds."""

        async def scenario(facade: SdkFacade) -> None:
            batches = facade.api.batches
            src = {"inlined_requests": {"contents": ["a cat", "a dog"]}}
            job = await facade.call(batches.create_embeddings(model="gemini-embedding-001", src=src))
            finished = await facade.poll_until(lambda: batches.get(name=job.name), is_finished)
            assert finished.state == types.JobState.JOB_STATE_SUCCEEDED

        gemini.run(scenario)

    def test_cancel(self, sdk: SdkRunner) -> None:
        """A batch is cancelled."""

        async def scenario(facade: SdkFacade) -> None:
            batches = facade.api.batches
            if facade.is_gemini:
                src: Any = [{"contents": [{"parts": [{"text": "?"}], "role": "user"}]}]
                job = await facade.call(batches.create(model=MODEL, src=src))
            else:
                job = await facade.call(batches.create(model=MODEL, src="gs://b/i.jsonl", config={"dest": "gs://b/o"}))
            await facade.call(batches.cancel(name=job.name))
            finished = await facade.poll_until(lambda: batches.get(name=job.name), is_finished)
            assert finished.state == types.JobState.JOB_STATE_CANCELLED

        sdk.run(scenario)

    def test_storage(self, vertex: SdkRunner) -> None:
        """A batch in Cloud Storage succeeds, is listed and deleted."""

        async def scenario(facade: SdkFacade) -> None:
            batches = facade.api.batches
            job = await facade.call(batches.create(model=MODEL, src="gs://b/i.jsonl", config={"dest": "gs://b/o"}))
            finished = await facade.poll_until(lambda: batches.get(name=job.name), is_finished)
            assert finished.state == types.JobState.JOB_STATE_SUCCEEDED
            assert [each.name for each in await facade.list_all(batches.list())] == [job.name]
            await facade.call(batches.delete(name=job.name))

        vertex.run(scenario)


def test_tunings(vertex: SdkRunner) -> None:
    """A tuning succeeds with a model; another is cancelled; both are listed."""

    async def scenario(facade: SdkFacade) -> None:
        tunings = facade.api.tunings
        data = types.TuningDataset(gcs_uri="gs://b/examples.jsonl")
        job, other = [await facade.call(tunings.tune(base_model=MODEL, training_dataset=data)) for _ in range(2)]
        await facade.call(tunings.cancel(name=other.name))
        finished = await facade.poll_until(lambda: tunings.get(name=job.name), is_finished)
        assert finished.state == types.JobState.JOB_STATE_SUCCEEDED
        assert finished.tuned_model.model
        assert {each.name for each in await facade.list_all(tunings.list())} == {job.name, other.name}

    vertex.run(scenario)


def test_tuned_models(gemini: SdkRunner) -> None:
    """A tuned model of the Developer API is created, updated, listed and deleted."""

    async def scenario(facade: SdkFacade) -> None:
        data = types.TuningDataset(examples=[types.TuningExample(text_input="1", output="2")])
        job = await facade.call(
            facade.api.tunings.tune(base_model="models/gemini-1.5-flash-001-tuning", training_dataset=data)
        )
        finished = await facade.poll_until(lambda: facade.api.tunings.get(name=job.name), is_finished)
        name = finished.tuned_model.model
        models = facade.api.models
        renamed_model = await facade.call(models.update(model=name, config={"display_name": "Mine"}))
        assert renamed_model.display_name == "Mine"
        assert [each.name for each in await facade.list_all(models.list(config={"query_base": False}))] == [name]
        await facade.call(models.delete(model=name))
        assert await facade.list_all(models.list(config={"query_base": False})) == []

    gemini.run(scenario)


def test_models(sdk: SdkRunner) -> None:
    """Models are listed in pages, and fetched."""

    async def scenario(facade: SdkFacade) -> None:
        models = facade.api.models
        fetched = await facade.call(models.get(model=MODEL))
        names = [each.name for each in await facade.list_all(models.list(config={"page_size": 3}))]
        assert len(names) > 3
        assert fetched.name in names

    sdk.run(scenario)


def test_stores(gemini: SdkRunner, tmp_path: Any) -> None:
    """A store accepts an upload and an import, is searched, and is deleted with its documents."""
    path = tmp_path / "cats.txt"
    path.write_text("Cats purr when they are content.")

    async def scenario(facade: SdkFacade) -> None:
        stores = facade.api.file_search_stores
        store = await facade.call(stores.create(config={"display_name": "animals"}))
        upload = await facade.call(
            stores.upload_to_file_search_store(file_search_store_name=store.name, file=str(path))
        )
        await facade.poll_until(lambda: facade.api.operations.get(upload), lambda operation: operation.done)
        file = await facade.call(facade.api.files.upload(file=str(path)))
        started = await facade.call(stores.import_file(file_search_store_name=store.name, file_name=file.name))
        await facade.poll_until(lambda: facade.api.operations.get(started), lambda operation: operation.done)
        documents = await facade.list_all(stores.documents.list(parent=store.name))
        assert len(documents) == 2
        search = types.Tool(file_search=types.FileSearch(file_search_store_names=[store.name]))
        response = await facade.call(
            facade.api.models.generate_content(model=MODEL, contents="When do cats purr?", config={"tools": [search]})
        )
        assert "purr" in response.candidates[0].grounding_metadata.grounding_chunks[0].retrieved_context.text
        await facade.call(stores.documents.delete(name=documents[0].name, config={"force": True}))
        assert (await facade.call(stores.get(name=store.name))).name == store.name
        assert [each.name for each in await facade.list_all(stores.list())] == [store.name]
        await facade.call(stores.delete(name=store.name, config={"force": True}))
        assert await facade.list_all(stores.list()) == []

    gemini.run(scenario)


PNG = b"\x89PNG\r\n\x1a\n"


class TestImages:
    def test_generate(self, sdk: SdkRunner) -> None:
        """The requested number of images is generated."""

        async def scenario(facade: SdkFacade) -> None:
            request = facade.api.models.generate_images(
                model="imagen-4.0-generate-001", prompt="a cat", config={"number_of_images": 2}
            )
            images = (await facade.call(request)).generated_images
            assert [each.image.image_bytes[:8] for each in images] == [PNG] * 2

        sdk.run(scenario)

    def test_edit(self, vertex: SdkRunner) -> None:
        """Vertex AI edits, upscales, recontextualizes and segments images."""

        async def scenario(facade: SdkFacade) -> None:
            models = facade.api.models
            request = models.generate_images(model="imagen-4.0-generate-001", prompt="a cat")
            image = (await facade.call(request)).generated_images[0].image
            raw = types.RawReferenceImage(reference_id=1, reference_image=image)
            edit_call = models.edit_image(model="imagen-3.0-capability-001", prompt="a hat", reference_images=[raw])
            larger = models.upscale_image(model="imagen-3.0-generate-002", image=image, upscale_factor="x2")
            source = types.RecontextImageSource(
                person_image=image, product_images=[types.ProductImage(product_image=image)]
            )
            recontext_call = models.recontext_image(model="virtual-try-on-preview-08-04", source=source)
            for each in (edit_call, larger, recontext_call):
                assert (await facade.call(each)).generated_images[0].image.image_bytes[:8] == PNG
            segment_call = models.segment_image(
                model="image-segmentation-001",
                source=types.SegmentImageSource(image=image),
                config={"mode": types.SegmentMode.FOREGROUND},
            )
            assert (await facade.call(segment_call)).generated_masks[0].mask.image_bytes[:8] == PNG

        vertex.run(scenario)


def test_videos(sdk: SdkRunner) -> None:
    """A video operation is polled until its video is available."""

    async def scenario(facade: SdkFacade) -> None:
        started = await facade.call(facade.api.models.generate_videos(model="veo-3.0-generate-001", prompt="a cat"))
        assert not started.done
        finished = await facade.poll_until(lambda: facade.api.operations.get(started), lambda operation: operation.done)
        video = finished.response.generated_videos[0].video
        if facade.is_gemini:
            data = await facade.call(facade.api.files.download(file=video))
        else:
            data = video.video_bytes
        assert data[4:8] == b"ftyp"

    sdk.run(scenario)
