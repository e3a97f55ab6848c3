"""The calls of a recording of this library: finds the recorded results of a request."""

from collections.abc import Sequence
from typing import Any

from msgspec import UNSET
from returns.result import Result

from genai_fn.errors import GenaiError, InvalidRequest
from genai_fn.request import Request
from genai_fn.testing.recordings.sequence import RecordedSequence
from genai_fn.testing.recordings.serialize import RecordedCall, read_answer, read_chunks


class RecordedCalls(RecordedSequence[RecordedCall]):
    """The calls of a recording of this library."""

    noun = "calls"

    def __init__(
        self, calls: Sequence[RecordedCall] = (), name: str = "", *, in_order: bool = False, repeat_last: bool = False
    ) -> None:
        super().__init__(calls, name, in_order=in_order, repeat_last=repeat_last)

    def take_results(self, call: RecordedCall, request: Request[Any]) -> tuple[Result[Any, GenaiError], ...] | None:
        """Return the recorded result of a request, or its chunks if the call has chunks; None if no call is left."""
        recorded = self.take_call(call)
        if recorded is None:
            return None
        try:
            return (read_answer(recorded, request),) if recorded.chunks is UNSET else read_chunks(recorded, request)
        except (ValueError, TypeError, LookupError, AttributeError) as error:  # the file was edited by hand
            kind = type(request.operation).__name__
            raise InvalidRequest(self._get_place(recorded), recorded, f"an answer to {kind} ({error})") from None

    def take_call(self, call: RecordedCall) -> RecordedCall | None:
        """Return the next recorded call that is equal to a call; None if there is none."""
        return self._take((call.key,), lambda _: True)

    def describe_nearest(self, call: RecordedCall) -> str | None:
        """Describe how a call differs from the most similar recorded one, or from the next one if the order matters."""
        return self._describe_nearest(self._dump_call(call), lambda each: each.op == call.op)

    def _get_key(self, call: RecordedCall) -> bytes:
        return call.key

    def _get_place(self, call: RecordedCall) -> str:
        return f"call {call.number} of {self._name}"

    def _dump_call(self, call: RecordedCall) -> Any:
        return {"op": call.op, "kind": call.kind, "request": call.request, "options": call.options}
