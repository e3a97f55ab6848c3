"""Live sessions of a `Fake`: returns the messages for each client message, without a socket or JSON."""

from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from typing import Any, cast

from returns.result import Failure, Result, Success

from genai_fn.effects import EffectFailed
from genai_fn.errors import GenaiError, InvalidRequest, NoAnswer
from genai_fn.interpreters.live.memory_socket import MemorySocket
from genai_fn.interpreters.live.sockets import MessageSocket
from genai_fn.live_protocol.frames import check_message
from genai_fn.ops.live.music import ConnectLiveMusic
from genai_fn.request import Live
from genai_fn.schema.content import Content, Part
from genai_fn.schema.live_server import LiveServerContent, LiveServerMessage, LiveServerSetupComplete
from genai_fn.schema.music import LiveMusicClientMessage, LiveMusicServerMessage, LiveMusicServerSetupComplete


class FakeConnector:
    """Connects a session to its answer from a table; an error as the answer fails the connection."""

    def __init__(self, live: Live[Any], answer: Any) -> None:
        self._live = live
        self._answer = answer
        self._peer = _FakePeer(live, answer)

    def encode(self, frame: Any) -> Result[Any, GenaiError]:
        """Return a client message unchanged, or the error of one that is invalid in this kind of session."""
        is_music = isinstance(self._live.operation, ConnectLiveMusic)
        checked = check_message(frame)
        if isinstance(checked, Success) and isinstance(frame, LiveMusicClientMessage) != is_music:
            return Failure(InvalidRequest("frame", frame, f"a message for {self._live.operation.op}"))
        return checked

    def decode(self, data: Any) -> Result[Any, GenaiError]:
        """Return a server message unchanged."""
        return cast("Result[Any, GenaiError]", data) if isinstance(data, Failure) else Success(data)

    @asynccontextmanager
    async def connect(self, handle: str | None) -> AsyncGenerator[tuple[MessageSocket, Any] | EffectFailed, None]:
        """Open a connection, or fail with the error that is the answer."""
        answer: Any = self._answer
        error: Any = cast("Any", answer).failure() if isinstance(answer, Failure) else answer
        if isinstance(error, GenaiError):
            yield EffectFailed(error)
        else:
            yield self.open_socket(self._peer.answer_frame), self._live

    def open_socket(self, answer_frame: Callable[[Any], Iterable[Any]]) -> MessageSocket:
        """Open a connection to a function that returns the messages for each frame."""
        return MemorySocket(answer_frame)


class _FakePeer:
    """The server side of a session, across its reconnections."""

    def __init__(self, live: Live[Any], answer: Any) -> None:
        self._live = live
        self._is_music = isinstance(live.operation, ConnectLiveMusic)
        self._message_type: type[Any] = LiveMusicServerMessage if self._is_music else LiveServerMessage
        self._answer: Any = answer
        self._used_count = 0

    def answer_frame(self, frame: Any) -> Iterable[Any]:
        """Return the messages for a frame. The first frame is the `Live` itself, in place of the setup message."""
        if frame is self._live:
            return (_build_setup_complete(self._is_music),)
        if callable(self._answer):
            return self._build_messages(cast("Callable[[Any], Any]", self._answer)(frame))
        if not is_answer_expected(frame):
            return ()
        answers = _as_answer_sequence(self._answer)
        if answers is None:
            return self._build_messages(self._answer)
        self._used_count += 1
        nearest = f"{self._live.operation.op}, which has no more answers than {len(answers)}"
        return self._build_messages(
            answers[self._used_count - 1] if self._used_count <= len(answers) else NoAnswer(frame, nearest)
        )

    def _build_messages(self, answer: Any) -> Iterator[Any]:
        """Convert an answer to messages."""
        match answer:
            case None:
                return
            case list() | tuple():
                for each in cast("list[Any]", answer):
                    yield from self._build_messages(each)
            case str() if not self._is_music:
                yield from build_turn(answer)
            case GenaiError():
                yield Failure(answer)
            case Failure():
                yield answer
            case Success():
                yield from self._build_messages(answer.unwrap())
            case _ if isinstance(answer, self._message_type):
                yield answer
            case _:
                path = f"the answer to {self._live.operation.op}"
                raise InvalidRequest(
                    path, answer, f"{self._message_type.__name__}s, an error, None, or, for a turn, a text"
                )


def _as_answer_sequence(answer: Any) -> tuple[Any, ...] | None:
    """Return a tuple, which is a list of the table, as one answer for each frame; None for a single answer."""
    return cast("Any", answer) if isinstance(answer, tuple) else None


def _build_setup_complete(is_music: bool) -> Any:
    if is_music:
        return LiveMusicServerMessage(setup_complete=LiveMusicServerSetupComplete())
    return LiveServerMessage(setup_complete=LiveServerSetupComplete(session_id="fake"))


def is_answer_expected(frame: Any) -> bool:
    """Whether the model answers after a frame. It does not after audio, or a turn that is not complete."""
    if isinstance(frame, LiveMusicClientMessage):
        return True
    realtime, content = frame.realtime_input, frame.client_content
    if realtime is not None:
        return realtime.text is not None or realtime.activity_end is not None or bool(realtime.audio_stream_end)
    return content is None or content.turn_complete is not False


def build_turn(text: str) -> Iterator[LiveServerMessage]:
    """Build the messages of a model turn with a text."""
    content = Content(parts=(Part(text=text),), role="model")
    yield LiveServerMessage(server_content=LiveServerContent(model_turn=content))
    yield LiveServerMessage(server_content=LiveServerContent(turn_complete=True))
