"""Live sessions of a `Fake`: returns the messages for each client message, without a socket or JSON."""

from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from typing import Any, Final, cast

from returns.result import Failure, Result, Success

from genai_fn.effects import EffectFailed
from genai_fn.errors import GenaiError, InvalidRequest
from genai_fn.interpreters.live.memory_socket import MemorySocket
from genai_fn.interpreters.live.sockets import MessageSocket
from genai_fn.live_protocol.frames import check_message
from genai_fn.ops.live.music import ConnectLiveMusic
from genai_fn.request import Live
from genai_fn.schema.content import Content, Part
from genai_fn.schema.live_server import LiveServerContent, LiveServerMessage, LiveServerSetupComplete
from genai_fn.schema.music import LiveMusicClientMessage, LiveMusicServerMessage, LiveMusicServerSetupComplete
from genai_fn.testing.canned_answers import pick_answer


class FakeConnector:
    """Connects a session to its answer from a table, across its reconnections; an error fails the connection."""

    def __init__(self, live: Live[Any], answer: Any) -> None:
        self._live = live
        self._answer = answer
        self._used_count = 0
        self._is_music = isinstance(live.operation, ConnectLiveMusic)

    def encode(self, frame: Any) -> Result[Any, GenaiError]:
        """Return a client message unchanged, or the error of one that is invalid in this kind of session."""
        checked = check_message(frame)
        if isinstance(checked, Success) and isinstance(frame, LiveMusicClientMessage) != self._is_music:
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
            yield self.open_socket(self._answer_frame), self._live

    def open_socket(self, answer_frame: Callable[[Any], Iterable[Any]]) -> MessageSocket:
        """Open a connection to a function that returns the messages for each frame."""
        return MemorySocket(answer_frame)

    def _answer_frame(self, frame: Any) -> Iterable[Any]:
        """Return the messages for a frame. The first frame is the `Live` itself, in place of the setup message."""
        if frame is self._live:
            return (_MUSIC_SETUP_COMPLETE if self._is_music else _SETUP_COMPLETE,)
        answer: Any = self._answer
        if callable(answer):
            return self._build_messages(answer(frame))
        if not is_answer_expected(frame):
            return ()
        if isinstance(answer, tuple):  # a list of the table has an answer for each frame
            answer = pick_answer(cast("Any", answer), self._used_count, frame, self._live.operation.op)
            self._used_count += 1
        return self._build_messages(answer)

    def _build_messages(self, answer: Any) -> Iterator[Any]:
        """Convert an answer to messages."""
        kind: type[Any] = LiveMusicServerMessage if self._is_music else LiveServerMessage
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
            case _ if isinstance(answer, kind):
                yield answer
            case _:
                expected = f"{kind.__name__}s, an error, None, or, for a turn, a text"
                raise InvalidRequest(f"the answer to {self._live.operation.op}", answer, expected)


_SETUP_COMPLETE = LiveServerMessage(setup_complete=LiveServerSetupComplete(session_id="fake"))
_MUSIC_SETUP_COMPLETE = LiveMusicServerMessage(setup_complete=LiveMusicServerSetupComplete())


def is_answer_expected(frame: Any) -> bool:
    """Whether the model answers after a frame. It does not after audio, or a turn that is not complete."""
    if isinstance(frame, LiveMusicClientMessage):
        return True
    realtime, content = frame.realtime_input, frame.client_content
    if realtime is not None:
        return realtime.text is not None or realtime.activity_end is not None or bool(realtime.audio_stream_end)
    return content is None or content.turn_complete is not False


def build_turn(text: str) -> list[LiveServerMessage]:
    """Build the messages of a model turn with a text."""
    return [build_model_message(Part(text=text)), TURN_END]


def build_model_message(part: Part) -> LiveServerMessage:
    """Build a message with a part of a model turn."""
    return build_content_message(model_turn=Content(parts=(part,), role="model"))


def build_content_message(**members: Any) -> LiveServerMessage:
    """Build a message with these members of its content."""
    return LiveServerMessage(server_content=LiveServerContent(**members))


TURN_END: Final = build_content_message(turn_complete=True)
"""The last message of a turn."""
