"""A value that has arrived in part: its JSON so far, and the value itself once it is complete."""

from typing import Any, Generic, TypeVar

import msgspec
from returns.result import Failure, Result, Success

from genai_fn import codec
from genai_fn.errors import GenaiError
from genai_fn.flows.typed_json import convert_answer
from genai_fn.schema.responses import GenerateContentResponse
from genai_fn.values import Value
from genai_fn.wire.growing_json import JsonSnapshot
from genai_fn.wire.lenient_json import build_decode_error

T_co = TypeVar("T_co", covariant=True)


class Partial(Value, Generic[T_co], kw_only=True):
    """
    What has arrived of a value of type T, as ``| partial(T)`` emits it.

    `data` only grows from one item to the next. Texts grow by characters; fields, items and numbers appear when they
    are complete. The last item is complete: `value` is what ``| returning(T)`` would have returned.

    >>> from genai_fn import Offline, collected, generate, partial
    >>> emitted = Offline()(generate("gemini-2.5-flash", "Name colours.") | partial(list[str]) | collected).unwrap()
    >>> emitted[-1].value == emitted[-1].data
    True
    """

    arrived: JsonSnapshot
    """The JSON so far, from which `data` is built."""
    kind: Any
    """The type T."""
    value: T_co | None = None
    """The value; None until it is complete."""
    response: GenerateContentResponse | None = None
    """The whole response, such as for its usage; None until it is complete."""

    @property
    def data(self) -> Any:
        """The JSON so far: dicts, lists, texts, numbers, booleans and None. It cannot be changed."""
        return self.arrived.build()

    @property
    def is_complete(self) -> bool:
        """Whether this is the last item, and has the `value`."""
        return self.response is not None

    def parse(self) -> Result[T_co, GenaiError]:
        """
        Convert what has arrived to T, which succeeds as soon as all fields without a default have arrived.

        A text in it may be cut off. Each call takes the time of converting everything.

        Fails with:
            DecodeError: If a field without a default is missing, or something does not match it.
        """
        data = self.data
        try:
            return Success(convert_answer(data, self.kind))
        except (msgspec.ValidationError, RecursionError) as error:
            return Failure(build_decode_error(error, codec.encode(data)))

    def __repr__(self) -> str:
        return f"Partial({self.data!r}{f', value={self.value!r}' if self.is_complete else ''})"
