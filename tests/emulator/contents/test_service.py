"""What the service answers in general: modalities, grounding, signatures, models that do not exist, API versions."""

from base64 import b64decode
from typing import Any

import pytest

from genai_fn.emulator import EmulatorState
from genai_fn.emulator.fake_model.png import PixelSize, read_png_size
from tests.support.emulator_requests import (
    GEMINI,
    HI,
    PROJECT,
    VERTEX,
    JsonClient,
    generate_json,
    get_parts,
    get_text,
    parse_events,
    post,
)

ORIGIN = "https://generativelanguage.googleapis.com"
PNG = {"inlineData": {"mimeType": "image/png", "data": "eA=="}}
PDF = {"fileData": {"mimeType": "application/pdf", "fileUri": "gs://b/x.pdf"}}


class TestModalities:
    def test_prompt_details(self) -> None:
        """The prompt's tokens are listed by modality, where a PDF is a document; a cache's tokens, too."""
        usage = generate_json([{"parts": [{"text": "one two"}, PNG, PNG, PDF]}])["usageMetadata"]
        details = [("TEXT", 2), ("IMAGE", 516), ("DOCUMENT", 258)]
        assert [(each["modality"], each["tokenCount"]) for each in usage["promptTokensDetails"]] == details
        assert usage["promptTokenCount"] == 776
        api = JsonClient()
        name = api.request_json("POST", "cachedContents", {"model": "models/m", "contents": [HI]})["name"]
        usage = api.request_json("POST", "models/m:generateContent", {"contents": [HI], "cachedContent": name})
        assert usage["usageMetadata"]["cacheTokensDetails"] == [{"modality": "TEXT", "tokenCount": 1}]

    @pytest.mark.parametrize("model", ["m", "gemini-2.5-flash-image"])
    @pytest.mark.parametrize(
        ("ratio", "size"), [(None, (64, 64)), ("16:9", (64, 36)), ("1:99", (1, 64)), ("x", (64, 64))]
    )
    def test_image(self, model: str, ratio: str | None, size: tuple[int, int]) -> None:
        """Where images are requested, a PNG follows the text; image models add it without being asked."""
        config: dict[str, Any] = {"imageConfig": {"aspectRatio": ratio}} if ratio else {}
        if model == "m":
            config["responseModalities"] = ["TEXT", "IMAGE"]
        response = JsonClient().request_json(
            "POST", f"models/{model}:generateContent", {"contents": [HI], "generationConfig": config}
        )
        text, image = get_parts(response)
        assert "You asked" in text["text"]
        assert read_png_size(b64decode(image["inlineData"]["data"])) == PixelSize(*size)

    def test_audio(self) -> None:
        """Where audio is requested, the answer is PCM, in a stream as well."""
        body = {"contents": [HI], "generationConfig": {"responseModalities": ["AUDIO"]}}
        (event,) = parse_events(post("models/m:streamGenerateContent?alt=sse", body))
        (part,) = get_parts(event)
        assert part["inlineData"]["mimeType"] == "audio/L16;codec=pcm;rate=24000"
        assert len(b64decode(part["inlineData"]["data"])) == 2400

    def test_streamed_image(self) -> None:
        """In a stream, the image is an event of its own, the last one."""
        body = {"contents": [HI], "generationConfig": {"responseModalities": ["TEXT", "IMAGE"]}}
        *_, last = parse_events(post("models/m:streamGenerateContent?alt=sse", body))
        assert [list(each) for each in get_parts(last)] == [["inlineData"]]
        assert last["candidates"][0]["finishReason"] == "STOP"


@pytest.mark.parametrize("tool", [{"googleSearch": {}}, {"googleSearchRetrieval": {}}, {"enterpriseWebSearch": {}}])
def test_web_search(tool: Any) -> None:
    """With a search of the web, the answer has queries, a page, and supports that refer to it."""
    candidate = generate_json("Why?", tools=[tool])["candidates"][0]
    grounding = candidate["groundingMetadata"]
    assert grounding["webSearchQueries"] == ["Why?"]
    assert grounding["groundingChunks"][0]["web"]["title"] == "example.com"
    assert grounding["groundingSupports"][0]["segment"]["text"] == candidate["content"]["parts"][0]["text"]
    assert "href" in grounding["searchEntryPoint"]["renderedContent"]
    assert "groundingMetadata" not in generate_json("Why?")["candidates"][0]


CALL: dict[str, Any] = {"functionCall": {"name": "clock", "args": {}}}
RESPONSE: dict[str, Any] = {"functionResponse": {"name": "clock", "response": {}}}


class TestSignatures:
    def generate(self, model: str, *parts_of_turns: list[Any]) -> tuple[int, str]:
        roles = ("user", "model") * len(parts_of_turns)
        turns = [{"role": role, "parts": parts} for role, parts in zip(roles, parts_of_turns, strict=False)]
        response = JsonClient()("POST", f"models/{model}:generateContent", {"contents": turns})
        return response.status, response.body.decode()

    def test_required(self) -> None:
        """Gemini 3 refuses a call since the last question without its signature; earlier ones and others are fine."""
        turns = ([{"text": "hi"}], [CALL], [RESPONSE])
        status, message = self.generate("gemini-3-pro-preview", *turns)
        assert (status, "`default_api:clock` , position 2" in message) == (400, True)
        signed = {**CALL, "thoughtSignature": "eA=="}
        parallel = ([{"text": "hi"}], [signed, CALL], [RESPONSE, RESPONSE])
        assert self.generate("gemini-3-pro-preview", *parallel)[0] == 200
        assert self.generate("gemini-3-pro-preview", *turns, [{"text": "noon"}], [{"text": "thanks"}])[0] == 200
        assert self.generate("gemini-2.5-flash", *turns)[0] == 200

    def test_text(self) -> None:
        """Gemini 3 signs its texts, in a stream at the end."""
        path = "models/gemini-3-pro-preview:streamGenerateContent?alt=sse"
        *earlier, last = (get_parts(each)[0] for each in parse_events(post(path, {"contents": [HI]})))
        assert "thoughtSignature" in last
        assert not any("thoughtSignature" in each for each in earlier)


class TestModels:
    @pytest.mark.parametrize(
        "model", ["gemini-2.5-flsh", "gemini-1.5-pro", "gemini-pro", "gpt-4o", "gemini-embedding-001"]
    )
    @pytest.mark.parametrize("method", ["generateContent", "streamGenerateContent"])
    def test_missing(self, model: str, method: str) -> None:
        """A model that does not exist, is retired or has no such method is a 404 that names it."""
        code, status, message = JsonClient().request_fault("POST", f"models/{model}:{method}", {"contents": [HI]})
        assert (code, status) == (404, "NOT_FOUND")
        assert message.startswith(f"models/{model} is not found for API version v1beta, or is not supported for ")

    def test_missing_on_vertex(self) -> None:
        """On Vertex AI, the message has the whole name; endpoints and other publishers' models are not checked."""
        api, body = JsonClient(VERTEX), {"contents": [HI]}
        path = f"{PROJECT}/publishers/google/models/gemini-1.5-pro"
        code, status, message = api.request_fault("POST", f"{path}:generateContent", body)
        assert (code, status) == (404, "NOT_FOUND")
        assert message.startswith(f"Publisher Model `{path}` was not found")
        for name in ("publishers/meta/models/gemini-1.5-pro", "endpoints/gemini-1", "models/gemini-1"):
            assert api("POST", f"{PROJECT}/{name}:generateContent", body).status == 200

    @pytest.mark.parametrize(
        "path",
        [
            "models/gemini-1.5-pro:countTokens",
            "models/gemini-1.5-pro:embedContent",
            "models/gemini-1.5-pro:batchEmbedContents",
        ],
    )
    def test_other_methods(self, path: str) -> None:
        """Tokens and embeddings need a model that exists, too."""
        body = {"contents": [HI]} if path.endswith("Tokens") else {}
        assert JsonClient().request_fault("POST", path, body)[:2] == (404, "NOT_FOUND")

    def test_given(self) -> None:
        """A state that lists models has no others."""
        api = JsonClient(state=EmulatorState(models=("gemini-9-ultra", "m")))
        statuses = [
            api("POST", f"models/{name}:generateContent", {"contents": [HI]}).status
            for name in ("gemini-9-ultra", "m", "gemini-2.5-flash", "other")
        ]
        assert statuses == [200, 200, 404, 404]


@pytest.mark.parametrize("version", ["v1", "v1beta", "v1alpha"])
def test_versions(version: str) -> None:
    """Every API version has the same methods."""
    path = f"{ORIGIN}/{version}/models/gemini-2.5-flash:generateContent"
    assert get_text(JsonClient(GEMINI).request_json("POST", path, {"contents": [HI]})).startswith("I am an offline")
