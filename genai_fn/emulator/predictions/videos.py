"""Videos: operations that are done at the second look; the films are files of a few bytes that show nothing."""

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from genai_fn.emulator.answers import told
from genai_fn.emulator.faults import invalid
from genai_fn.emulator.files import kept
from genai_fn.emulator.operations import LOOKS, Operation
from genai_fn.emulator.predictions.pictures import Picture, is_forbidden, only, without_what_vertex_has
from genai_fn.emulator.reading import Asked, body_of
from genai_fn.emulator.stand_in.digests import digest
from genai_fn.emulator.state import State
from genai_fn.http import HttpResponse
from genai_fn.schema import VideoCompressionQuality, VideoGenerationMaskMode, VideoGenerationReferenceType
from genai_fn.schema._base import Message, Value

__all__ = ["ROUTES"]


# In


class _Film(Message):
    """A film: the first three are Gemini's words, the others Vertex AI's."""

    uri: str | None = None
    encoded_video: bytes | None = None
    encoding: str | None = None
    gcs_uri: str | None = None
    bytes_base64_encoded: bytes | None = None
    mime_type: str | None = None


class _Reference(Message):
    image: Picture | None = None
    reference_type: VideoGenerationReferenceType | None = None


class _Mask(Picture):
    mask_mode: VideoGenerationMaskMode | None = None


class _Scene(Message):
    prompt: str = ""
    image: Picture | None = None
    video: _Film | None = None
    last_frame: Picture | None = None
    reference_images: tuple[_Reference, ...] = ()
    mask: _Mask | None = None


class _Parameters(Message):
    sample_count: int | None = None
    storage_uri: str | None = None
    fps: int | None = None
    duration_seconds: int | None = None
    seed: int | None = None
    aspect_ratio: str | None = None
    resolution: str | None = None
    person_generation: str | None = None
    pubsub_topic: str | None = None
    negative_prompt: str | None = None
    enhance_prompt: bool | None = None
    generate_audio: bool | None = None
    compression_quality: VideoCompressionQuality | None = None


class _Body(Message):
    instances: tuple[_Scene, ...] = ()
    parameters: _Parameters = _Parameters()
    labels: Mapping[str, str] | None = None


# Begun


class _Filming(Value):
    """The making of videos: what they are to show, and how often somebody looked."""

    name: str
    words: str
    count: int
    storage_uri: str | None
    looks: int = 0
    ended: Mapping[str, Any] | None = None
    """What is answered from the second look on."""


def _begun(state: State, asked: Asked) -> tuple[State, HttpResponse]:
    body = body_of(asked, _Body)
    scene, how = only(body.instances), body.parameters
    if not asked.vertex:
        without_what_vertex_has(how, _VERTEX_ALONE)
    _checked(scene, how)
    state, name = state.named(f"{asked.names['model']}/operations")
    filming = _Filming(
        name=name,
        words=f"{scene.prompt} {how.seed} {how.aspect_ratio}",
        count=how.sample_count or 1,
        storage_uri=how.storage_uri,
    )
    return state.putting(name, filming), told(Operation(name=name))


_VERTEX_ALONE = ("storage_uri", "fps", "seed", "pubsub_topic", "generate_audio", "compression_quality")


def _checked(scene: _Scene, how: _Parameters) -> None:
    if not (scene.prompt.strip() or scene.image or scene.video):
        raise invalid("The request must hold a prompt, an image or a video.")
    for name, allowed in _ALLOWED.items():
        given = getattr(how, name)
        if given is not None and given not in allowed:
            raise invalid(f"The value {given!r} of {name} is none of {', '.join(map(str, allowed))}.")


_ALLOWED: Mapping[str, tuple[Any, ...]] = {
    "sample_count": (1, 2, 3, 4),
    "duration_seconds": (4, 5, 6, 7, 8),
    "aspect_ratio": ("16:9", "9:16"),
    "resolution": ("720p", "1080p"),
}


# Looked at


class _Fetch(Message):
    operation_name: str = ""


def _looked(state: State, asked: Asked) -> tuple[State, HttpResponse]:
    """Answer ``GET`` of an operation's name."""
    return _shown(state, asked, asked.names["name"])


def _fetched(state: State, asked: Asked) -> tuple[State, HttpResponse]:
    """Answer ``fetchPredictOperation``."""
    name = body_of(asked, _Fetch).operation_name
    if not name.startswith(f"{asked.names['model']}/operations/"):
        raise invalid(f"The operation {name!r} is none of {asked.names['model']}.")
    return _shown(state, asked, name)


def _shown(state: State, asked: Asked, name: str) -> tuple[State, HttpResponse]:
    found = state.known(name, _Filming)
    seen = replace(found, looks=found.looks + 1)
    if seen.looks >= LOOKS and seen.ended is None:
        state, ended = _on_vertex(state, seen) if asked.vertex else _on_gemini(state, asked, seen)
        seen = replace(seen, ended=ended)
    done = None if seen.ended is None else True
    return state.putting(name, seen), told(Operation(name=name, done=done, response=seen.ended))


def _on_gemini(state: State, asked: Asked, filming: _Filming) -> tuple[State, Mapping[str, Any]]:
    """End with files to be fetched."""
    samples: list[Any] = []
    for data in _films(filming):
        state, file = kept(state, asked, data, _MP4)
        samples.append({"video": {"uri": file.download_uri}})
    made = {"generatedSamples": samples} if samples else _held_back(filming)
    kind = "type.googleapis.com/google.ai.generativelanguage.v1beta.PredictLongRunningResponse"
    return state, {"@type": kind, "generateVideoResponse": made}


def _on_vertex(state: State, filming: _Filming) -> tuple[State, Mapping[str, Any]]:
    """End with bytes, or with places in Cloud Storage."""
    place = None if filming.storage_uri is None else filming.storage_uri.rstrip("/")
    videos = [
        {
            "mimeType": _MP4,
            **({"bytesBase64Encoded": data} if place is None else {"gcsUri": f"{place}/sample_{index}.mp4"}),
        }
        for index, data in enumerate(_films(filming))
    ]
    made = {"videos": videos} if videos else _held_back(filming)
    return state, {"@type": "type.googleapis.com/cloud.ai.large_models.vision.GenerateVideoResponse", **made}


def _held_back(filming: _Filming) -> Mapping[str, Any]:
    return {"raiMediaFilteredCount": filming.count, "raiMediaFilteredReasons": [_REASON] * filming.count}


_REASON = 'The video is held back, as its prompt says "forbidden". Support codes: 12345678'


# The films: https://www.iso.org/standard/83102.html calls for a box that says what kind of file it is, and one of media


def _films(filming: _Filming) -> tuple[bytes, ...]:
    if is_forbidden(filming.words):
        return ()
    return tuple(_TYPE + _box(b"mdat", digest(f"{filming.words} {index}", 64)) for index in range(filming.count))


def _box(name: bytes, content: bytes) -> bytes:
    return (8 + len(content)).to_bytes(4, "big") + name + content


_MP4 = "video/mp4"
_TYPE = _box(b"ftyp", b"isom" + (512).to_bytes(4, "big") + b"isomiso2avc1mp41")

ROUTES = (
    ("POST", "{model=models/*}:predictLongRunning", _begun),
    ("POST", "{model=publishers/*/models/*}:predictLongRunning", _begun),
    ("POST", "{model=projects/*/locations/*/publishers/*/models/*}:predictLongRunning", _begun),
    ("GET", "{name=models/*/operations/*}", _looked),
    ("POST", "{model=models/*}:fetchPredictOperation", _fetched),
    ("POST", "{model=publishers/*/models/*}:fetchPredictOperation", _fetched),
    ("POST", "{model=projects/*/locations/*/publishers/*/models/*}:fetchPredictOperation", _fetched),
)
