"""Live sessions with a `Fake`: what is answered to each frame, as values; no socket and no JSON."""

from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from typing import Any, cast

from returns.result import Failure, Result, Success

from genai_fn.effects import EffectFailed
from genai_fn.errors import GenaiError, InvalidRequest, NoAnswer
from genai_fn.interpreters.live.memory_socket import MemorySocket
from genai_fn.interpreters.live.sockets import MessageSocket
from genai_fn.ops.live.music import ConnectLiveMusic
from genai_fn.request import Live
from genai_fn.schema import (
    Content,
    LiveClientMessage,
    LiveMusicClientMessage,
    LiveMusicServerMessage,
    LiveMusicServerSetupComplete,
    LiveServerContent,
    LiveServerMessage,
    LiveServerSetupComplete,
    Part,
)

__all__ = ["FakeConnector", "build_turn", "is_answer_expected"]


class FakeConnector:
    """Connects a session to an answer of a table, or to what says why there is none."""

    def __init__(self, live: Live[Any], answer: Any) -> None:
        self._live = live
        self._answer = answer
        self._peer = _FakePeer(live, answer)

    def encode(self, frame: Any) -> Result[Any, GenaiError]:
        """Take a frame as it is."""
        if isinstance(frame, LiveClientMessage | LiveMusicClientMessage):
            return Success(frame)
        return Failure(InvalidRequest("frame", frame, "a message, such as live.client_content(…) returns"))

    def decode(self, data: Any) -> Result[Any, GenaiError]:
        """Give a message as it is."""
        return cast("Result[Any, GenaiError]", data) if isinstance(data, Failure) else Success(data)

    @asynccontextmanager
    async def connect(self, handle: str | None) -> AsyncGenerator[tuple[MessageSocket, Any] | EffectFailed, None]:
        """Begin a conversation."""
        given: Any = self._answer
        error: Any = cast("Any", given).failure() if isinstance(given, Failure) else given
        if isinstance(error, GenaiError):
            yield EffectFailed(error)
        else:
            yield self.open_socket(self._peer.answer_frame), self._live

    def open_socket(self, answer_frame: Callable[[Any], Iterable[Any]]) -> MessageSocket:
        """Open one connection, whose peer answers each frame by a function."""
        return MemorySocket(answer_frame)


class _FakePeer:
    """The other end, over as many connections as there may be."""

    def __init__(self, live: Live[Any], answer: Any) -> None:
        self._live = live
        self._is_music = isinstance(live.operation, ConnectLiveMusic)
        self._message_type: type[Any] = LiveMusicServerMessage if self._is_music else LiveServerMessage
        self._answer: Any = answer
        self._used_count = 0

    def answer_frame(self, frame: Any) -> Iterable[Any]:
        """Answer a frame; the first is the session itself."""
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
        spent = f"{self._live.operation.op}, which has {len(answers)} answers and was asked once more"
        return self._build_messages(
            answers[self._used_count - 1] if self._used_count <= len(answers) else NoAnswer(frame, spent)
        )

    def _build_messages(self, given: Any) -> Iterator[Any]:
        """Write an answer as messages."""
        match given:
            case None:
                return
            case list() | tuple():
                for each in cast("list[Any]", given):
                    yield from self._build_messages(each)
            case str() if not self._is_music:
                yield from build_turn(given)
            case GenaiError():
                yield Failure(given)
            case Failure():
                yield given
            case Success():
                yield from self._build_messages(given.unwrap())
            case _ if isinstance(given, self._message_type):
                yield given
            case _:
                path = f"the answer to {self._live.operation.op}"
                raise InvalidRequest(
                    path, given, f"{self._message_type.__name__}s, an error, None, or, for a turn, a text"
                )


def _as_answer_sequence(answer: Any) -> tuple[Any, ...] | None:
    """Take a list of the table's, which is a tuple there, for answers one after the other."""
    return cast("Any", answer) if isinstance(answer, tuple) else None


def _build_setup_complete(is_music: bool) -> Any:
    if is_music:
        return LiveMusicServerMessage(setup_complete=LiveMusicServerSetupComplete())
    return LiveServerMessage(setup_complete=LiveServerSetupComplete(session_id="fake"))


def is_answer_expected(frame: Any) -> bool:
    """Tell a frame after which the model would speak from one that only adds to what it hears."""
    if isinstance(frame, LiveMusicClientMessage):
        return True
    heard, said = frame.realtime_input, frame.client_content
    if heard is not None:
        return heard.text is not None or heard.activity_end is not None or bool(heard.audio_stream_end)
    return said is None or said.turn_complete is not False


def build_turn(text: str) -> Iterator[LiveServerMessage]:
    """Make the turn that a text stands for."""
    content = Content(parts=(Part(text=text),), role="model")
    yield LiveServerMessage(server_content=LiveServerContent(model_turn=content))
    yield LiveServerMessage(server_content=LiveServerContent(turn_complete=True))
