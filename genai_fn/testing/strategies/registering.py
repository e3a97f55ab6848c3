"""`register`: so that Hypothesis draws the types of this library wherever it infers strategies."""

from typing import Any, get_args

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from genai_fn import schema
from genai_fn.errors import GenaiError, InvalidRequest
from genai_fn.request import Operation, Request, kind_of
from genai_fn.schema import Message, OpenEnum
from genai_fn.schema._base import Page
from genai_fn.testing.strategies.faults import errors
from genai_fn.testing.strategies.requests import OPERATIONS, requests
from genai_fn.testing.strategies.types import of

__all__ = ["operations", "register"]


def register() -> None:
    """
    Let ``st.from_type`` and ``st.builds`` draw the types of this library: those of the API, operations, requests.

    ``Request[GenerateContentResponse]`` is drawn as a request that is answered so, and ``GenaiError`` as any error.
    """
    for name in schema.__all__:
        kind = getattr(schema, name)
        if isinstance(kind, type) and issubclass(kind, Message | OpenEnum) and kind not in {Message, OpenEnum, Page}:
            st.register_type_strategy(kind, of)
    for operation in operations():
        st.register_type_strategy(operation, _performed(operation))
    st.register_type_strategy(Operation, requests().map(_operation))
    st.register_type_strategy(Request, _answered)
    st.register_type_strategy(GenaiError, errors())


def operations(kind: type[Any] = Operation) -> list[type[Operation[Any]]]:
    """List the classes of all operations that are drawn."""
    inner = [each for below in kind.__subclasses__() for each in operations(below)]
    return [kind, *inner] if getattr(kind, "op", None) in OPERATIONS else inner


def _performed(operation: type[Operation[Any]]) -> SearchStrategy[Operation[Any]]:
    return requests(operation).map(_operation)


def _operation(request: Request[Any]) -> Operation[Any]:
    return request.operation


def _answered(kind: Any) -> SearchStrategy[Request[Any]]:
    """Draw requests that are answered with what the annotation says; any where it says nothing."""
    asked = get_args(kind)
    fitting = [each for each in operations() if not asked or kind_of(each) in asked or _is_open(asked[0])]
    if not fitting:
        raise InvalidRequest("Request[…]", asked[0], "what an operation answers")
    return requests(*fitting)


def _is_open(asked: Any) -> bool:
    return not isinstance(asked, type)  # Any, or a type variable
