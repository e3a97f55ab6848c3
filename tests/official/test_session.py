"""google-genai 1.51.0, unmodified, holds a session over every resource with the emulator."""

from typing import Any

import pydantic
import pytest
from google.genai import errors, types

from tests.support.google_genai.official_sdk import Faced, Sdk

pytestmark = pytest.mark.filterwarnings("ignore::google.genai.errors.ExperimentalWarning")

MODEL = "gemini-2.5-flash"


def weather(city: str) -> str:
    """Tell the weather of a city."""
    return f"fine in {city}"


class Recipe(pydantic.BaseModel):
    name: str
    minutes: int


class TestGenerate:
    def test_whole(self, sdk: Sdk) -> None:
        """A question is answered, with usage."""

        async def story(face: Faced) -> None:
            said = await face.had(face.api.models.generate_content(model=MODEL, contents="Why?"))
            assert "You asked: “Why?”" in said.text
            assert said.usage_metadata.total_token_count > said.usage_metadata.prompt_token_count > 0

        sdk.within(story)

    def test_stream(self, sdk: Sdk) -> None:
        """A stream's pieces are the whole answer, in more pieces than one."""

        async def story(face: Faced) -> None:
            asked = {"model": MODEL, "contents": "Why?"}
            whole = await face.had(face.api.models.generate_content(**asked))
            pieces = await face.every(face.api.models.generate_content_stream(**asked))
            assert len(pieces) > 1
            assert "".join(each.text for each in pieces) == whole.text

        sdk.within(story)

    def test_chat(self, sdk: Sdk) -> None:
        """A chat sends what came before, whole or streamed."""

        async def story(face: Faced) -> None:
            chat = face.api.chats.create(model=MODEL)
            await face.had(chat.send_message("One?"))
            pieces = await face.every(chat.send_message_stream("Two?"))
            assert "Before that came 2 turns." in "".join(each.text for each in pieces)
            assert [each.role for each in chat.get_history()][:4] == [
                "user",
                "model",
            ] * 2  # every piece is a turn of its own

        sdk.within(story)

    def test_functions(self, sdk: Sdk) -> None:
        """A function is called by the SDK itself, and its answer goes back."""

        async def story(face: Faced) -> None:
            config = types.GenerateContentConfig(
                tools=[weather],
                tool_config=types.ToolConfig(
                    function_calling_config=types.FunctionCallingConfig(mode=types.FunctionCallingConfigMode.ANY)
                ),
                automatic_function_calling=types.AutomaticFunctionCallingConfig(maximum_remote_calls=2),
            )
            said = await face.had(face.api.models.generate_content(model=MODEL, contents="Rome?", config=config))
            answers = [
                part.function_response.response
                for turn in said.automatic_function_calling_history
                for part in turn.parts
                if part.function_response
            ]
            assert answers[0] == {"result": "fine in Rome?"}

        sdk.within(story)

    def test_schema(self, sdk: Sdk) -> None:
        """A response schema is obeyed."""

        async def story(face: Faced) -> None:
            config = {"response_mime_type": "application/json", "response_schema": Recipe}
            said = await face.had(face.api.models.generate_content(model=MODEL, contents="Pie?", config=config))
            assert isinstance(said.parsed, Recipe)

        sdk.within(story)

    def test_fault(self, sdk: Sdk) -> None:
        """A mistake is an error in the API's own form, and so is one on request."""

        async def story(face: Faced) -> None:
            with pytest.raises(errors.ClientError) as wrong:
                await face.had(
                    face.api.models.generate_content(model=MODEL, contents="?", config={"candidate_count": 99})
                )
            assert (wrong.value.code, wrong.value.status) == (400, "INVALID_ARGUMENT")
            config = {"http_options": {"headers": {"x-emulate": "status=429; retry=1.5"}}}
            with pytest.raises(errors.ClientError) as busy:
                await face.had(face.api.models.generate_content(model=MODEL, contents="?", config=config))
            assert (busy.value.code, busy.value.status) == (429, "RESOURCE_EXHAUSTED")
            *_, quota, _, advice = busy.value.details["error"]["details"]
            assert quota["violations"][0]["quotaDimensions"] == {"location": "global"}
            assert advice["retryDelay"] == "1.5s"

        sdk.within(story)


class TestTokens:
    def test_count(self, sdk: Sdk) -> None:
        """Tokens are counted."""

        async def story(face: Faced) -> None:
            counted = await face.had(face.api.models.count_tokens(model=MODEL, contents="One, two."))
            assert counted.total_tokens > 0

        sdk.within(story)

    def test_compute(self, vertex: Sdk) -> None:
        """Vertex AI tells the tokens themselves."""

        async def story(face: Faced) -> None:
            computed = await face.had(face.api.models.compute_tokens(model=MODEL, contents="One, two."))
            (info,) = computed.tokens_info
            assert len(info.token_ids) == len(info.tokens) > 0

        vertex.within(story)


def test_embeddings(sdk: Sdk) -> None:
    """Each text has a vector, of the length asked for."""

    async def story(face: Faced) -> None:
        texts = ["a cat", "a dog", "the cat"]
        asked = face.api.models.embed_content(
            model="text-embedding-004", contents=texts, config={"output_dimensionality": 64}
        )
        vectors = (await face.had(asked)).embeddings
        assert [len(each.values) for each in vectors] == [64] * 3

    sdk.within(story)


def test_files(gemini: Sdk, tmp_path: Any) -> None:
    """A file goes up, is found, listed, used and deleted."""
    path = tmp_path / "note.txt"
    path.write_text("a note")

    async def story(face: Faced) -> None:
        files = face.api.files
        up = await face.had(files.upload(file=str(path), config={"display_name": "Note"}))
        assert (up.size_bytes, up.mime_type, up.display_name) == (6, "text/plain", "Note")
        found = await face.until(lambda: files.get(name=up.name), lambda file: file.state == types.FileState.ACTIVE)
        assert [each.name for each in await face.every(files.list())] == [found.name]
        said = await face.had(face.api.models.generate_content(model=MODEL, contents=["What is it?", found]))
        assert "1 text/plain" in said.text
        await face.had(files.delete(name=up.name))
        with pytest.raises(errors.ClientError):
            await face.had(files.get(name=up.name))

    gemini.within(story)


def test_caches(sdk: Sdk) -> None:
    """A cache is made, found, moved, used, listed and deleted."""

    async def story(face: Faced) -> None:
        caches = face.api.caches
        made = await face.had(caches.create(model=MODEL, config={"contents": ["a long story"], "ttl": "300s"}))
        found = await face.had(caches.get(name=made.name))
        assert found.name == made.name
        moved = await face.had(caches.update(name=made.name, config={"ttl": "600s"}))
        assert moved.expire_time > found.expire_time
        assert [each.name for each in await face.every(caches.list())] == [made.name]
        said = await face.had(
            face.api.models.generate_content(model=MODEL, contents="?", config={"cached_content": made.name})
        )
        assert said.usage_metadata.cached_content_token_count > 0
        await face.had(caches.delete(name=made.name))
        assert await face.every(caches.list()) == []

    sdk.within(story)


def _is_over(job: Any) -> bool:
    return str(job.state.value).endswith(("SUCCEEDED", "FAILED", "CANCELLED"))


class TestBatches:
    def test_inlined(self, gemini: Sdk) -> None:
        """A batch of requests is answered one by one, in order."""

        async def story(face: Faced) -> None:
            batches = face.api.batches
            src = [{"contents": [{"parts": [{"text": each}], "role": "user"}]} for each in ("One?", "Two?")]
            job = await face.had(batches.create(model=MODEL, src=src, config={"display_name": "two"}))
            ended = await face.until(lambda: batches.get(name=job.name), _is_over)
            assert ended.state == types.JobState.JOB_STATE_SUCCEEDED
            told = [each.response.text for each in ended.dest.inlined_responses]
            assert ["One?" in told[0], "Two?" in told[1]] == [True, True]
            assert [each.name for each in await face.every(batches.list())] == [job.name]
            await face.had(batches.delete(name=job.name))
            assert await face.every(batches.list()) == []

        gemini.within(story)

    def test_file(self, gemini: Sdk, tmp_path: Any) -> None:
        """A batch in a file is answered in a file."""
        path = tmp_path / "batch.jsonl"
        path.write_text('{"key": "a", "request": {"contents": [{"parts": [{"text": "One?"}], "role": "user"}]}}\n')

        async def story(face: Faced) -> None:
            source = await face.had(face.api.files.upload(file=str(path), config={"mime_type": "jsonl"}))
            batches = face.api.batches
            job = await face.had(batches.create(model=MODEL, src=source.name))
            ended = await face.until(lambda: batches.get(name=job.name), _is_over)
            answers = await face.had(face.api.files.download(file=ended.dest.file_name))
            assert b"One?" in answers

        gemini.within(story)

    def test_embeddings(self, gemini: Sdk) -> None:
        """A batch of vectors is made."""

        async def story(face: Faced) -> None:
            batches = face.api.batches
            src = {"inlined_requests": {"contents": ["a cat", "a dog"]}}
            job = await face.had(batches.create_embeddings(model="gemini-embedding-001", src=src))
            ended = await face.until(lambda: batches.get(name=job.name), _is_over)
            assert ended.state == types.JobState.JOB_STATE_SUCCEEDED

        gemini.within(story)

    def test_cancel(self, sdk: Sdk) -> None:
        """A batch is cancelled."""

        async def story(face: Faced) -> None:
            batches = face.api.batches
            if face.is_gemini:
                src: Any = [{"contents": [{"parts": [{"text": "?"}], "role": "user"}]}]
                job = await face.had(batches.create(model=MODEL, src=src))
            else:
                job = await face.had(batches.create(model=MODEL, src="gs://b/i.jsonl", config={"dest": "gs://b/o"}))
            await face.had(batches.cancel(name=job.name))
            ended = await face.until(lambda: batches.get(name=job.name), _is_over)
            assert ended.state == types.JobState.JOB_STATE_CANCELLED

        sdk.within(story)

    def test_storage(self, vertex: Sdk) -> None:
        """A batch in Cloud Storage succeeds, is listed and deleted."""

        async def story(face: Faced) -> None:
            batches = face.api.batches
            job = await face.had(batches.create(model=MODEL, src="gs://b/i.jsonl", config={"dest": "gs://b/o"}))
            ended = await face.until(lambda: batches.get(name=job.name), _is_over)
            assert ended.state == types.JobState.JOB_STATE_SUCCEEDED
            assert [each.name for each in await face.every(batches.list())] == [job.name]
            await face.had(batches.delete(name=job.name))

        vertex.within(story)


def test_tunings(vertex: Sdk) -> None:
    """A tuning goes on until there is a model; another is cancelled; both are listed."""

    async def story(face: Faced) -> None:
        tunings = face.api.tunings
        data = types.TuningDataset(gcs_uri="gs://b/examples.jsonl")
        job, other = [await face.had(tunings.tune(base_model=MODEL, training_dataset=data)) for _ in range(2)]
        await face.had(tunings.cancel(name=other.name))
        ended = await face.until(lambda: tunings.get(name=job.name), _is_over)
        assert ended.state == types.JobState.JOB_STATE_SUCCEEDED
        assert ended.tuned_model.model
        assert {each.name for each in await face.every(tunings.list())} == {job.name, other.name}

    vertex.within(story)


def test_tuned_models(gemini: Sdk) -> None:
    """A tuned model of the Gemini Developer API is made, renamed, listed and deleted."""

    async def story(face: Faced) -> None:
        data = types.TuningDataset(examples=[types.TuningExample(text_input="1", output="2")])
        job = await face.had(
            face.api.tunings.tune(base_model="models/gemini-1.5-flash-001-tuning", training_dataset=data)
        )
        ended = await face.until(lambda: face.api.tunings.get(name=job.name), _is_over)
        name = ended.tuned_model.model
        models = face.api.models
        renamed = await face.had(models.update(model=name, config={"display_name": "Mine"}))
        assert renamed.display_name == "Mine"
        assert [each.name for each in await face.every(models.list(config={"query_base": False}))] == [name]
        await face.had(models.delete(model=name))
        assert await face.every(models.list(config={"query_base": False})) == []

    gemini.within(story)


def test_models(sdk: Sdk) -> None:
    """Models are listed, a page at a time, and found."""

    async def story(face: Faced) -> None:
        models = face.api.models
        found = await face.had(models.get(model=MODEL))
        names = [each.name for each in await face.every(models.list(config={"page_size": 3}))]
        assert len(names) > 3
        assert found.name in names

    sdk.within(story)


def test_stores(gemini: Sdk, tmp_path: Any) -> None:
    """A store takes an upload and an import, finds what is in them, and is deleted with its documents."""
    path = tmp_path / "cats.txt"
    path.write_text("Cats purr when they are content.")

    async def story(face: Faced) -> None:
        stores = face.api.file_search_stores
        store = await face.had(stores.create(config={"display_name": "animals"}))
        sent = await face.had(stores.upload_to_file_search_store(file_search_store_name=store.name, file=str(path)))
        await face.until(lambda: face.api.operations.get(sent), lambda operation: operation.done)
        file = await face.had(face.api.files.upload(file=str(path)))
        begun = await face.had(stores.import_file(file_search_store_name=store.name, file_name=file.name))
        await face.until(lambda: face.api.operations.get(begun), lambda operation: operation.done)
        documents = await face.every(stores.documents.list(parent=store.name))
        assert len(documents) == 2
        search = types.Tool(file_search=types.FileSearch(file_search_store_names=[store.name]))
        said = await face.had(
            face.api.models.generate_content(model=MODEL, contents="When do cats purr?", config={"tools": [search]})
        )
        assert "purr" in said.candidates[0].grounding_metadata.grounding_chunks[0].retrieved_context.text
        await face.had(stores.documents.delete(name=documents[0].name, config={"force": True}))
        assert (await face.had(stores.get(name=store.name))).name == store.name
        assert [each.name for each in await face.every(stores.list())] == [store.name]
        await face.had(stores.delete(name=store.name, config={"force": True}))
        assert await face.every(stores.list()) == []

    gemini.within(story)


PNG = b"\x89PNG\r\n\x1a\n"


class TestImages:
    def test_generate(self, sdk: Sdk) -> None:
        """Images are made, as many as asked for."""

        async def story(face: Faced) -> None:
            asked = face.api.models.generate_images(
                model="imagen-4.0-generate-001", prompt="a cat", config={"number_of_images": 2}
            )
            images = (await face.had(asked)).generated_images
            assert [each.image.image_bytes[:8] for each in images] == [PNG] * 2

        sdk.within(story)

    def test_edit(self, vertex: Sdk) -> None:
        """Vertex AI edits, enlarges, recomposes and segments them."""

        async def story(face: Faced) -> None:
            models = face.api.models
            asked = models.generate_images(model="imagen-4.0-generate-001", prompt="a cat")
            image = (await face.had(asked)).generated_images[0].image
            raw = types.RawReferenceImage(reference_id=1, reference_image=image)
            edited = models.edit_image(model="imagen-3.0-capability-001", prompt="a hat", reference_images=[raw])
            larger = models.upscale_image(model="imagen-3.0-generate-002", image=image, upscale_factor="x2")
            source = types.RecontextImageSource(
                person_image=image, product_images=[types.ProductImage(product_image=image)]
            )
            worn = models.recontext_image(model="virtual-try-on-preview-08-04", source=source)
            for each in (edited, larger, worn):
                assert (await face.had(each)).generated_images[0].image.image_bytes[:8] == PNG
            masked = models.segment_image(
                model="image-segmentation-001",
                source=types.SegmentImageSource(image=image),
                config={"mode": types.SegmentMode.FOREGROUND},
            )
            assert (await face.had(masked)).generated_masks[0].mask.image_bytes[:8] == PNG

        vertex.within(story)


def test_videos(sdk: Sdk) -> None:
    """A video is waited for, and is one."""

    async def story(face: Faced) -> None:
        begun = await face.had(face.api.models.generate_videos(model="veo-3.0-generate-001", prompt="a cat"))
        assert not begun.done
        ended = await face.until(lambda: face.api.operations.get(begun), lambda operation: operation.done)
        video = ended.response.generated_videos[0].video
        if face.is_gemini:
            data = await face.had(face.api.files.download(file=video))
        else:
            data = video.video_bytes
        assert data[4:8] == b"ftyp"

    sdk.within(story)
