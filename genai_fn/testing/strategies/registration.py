"""`register`: so that Hypothesis draws the types of this library wherever it infers strategies."""

from typing import Any, get_args

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from genai_fn import schema
from genai_fn.errors import GenaiError, InvalidRequest
from genai_fn.request import Operation, Request, kind_of
from genai_fn.schema import Message, OpenEnum
from genai_fn.schema.base import Page
from genai_fn.testing.strategies.requests import OPERATION_REQUESTS, requests
from genai_fn.testing.strategies.responses.errors import errors
from genai_fn.testing.strategies.values.types import from_type

__all__ = ["list_operations", "register"]


def register() -> None:
    """
    Let ``st.from_type`` and ``st.builds`` draw the types of this library: those of the API, operations, requests.

    ``Request[GenerateContentResponse]`` is drawn as a request that is answered so, and ``GenaiError`` as any error.
    """
    for name in schema.__all__:
        kind = getattr(schema, name)
        if isinstance(kind, type) and issubclass(kind, Message | OpenEnum) and kind not in {Message, OpenEnum, Page}:
            st.register_type_strategy(kind, from_type)
    for operation in list_operations():
        st.register_type_strategy(operation, _operations_of(operation))
    st.register_type_strategy(Operation, requests().map(_get_operation))
    st.register_type_strategy(Request, _requests_for_annotation)
    st.register_type_strategy(GenaiError, errors())


def list_operations(kind: type[Any] = Operation) -> list[type[Operation[Any]]]:
    """List the classes of all operations that are drawn."""
    inner = [each for below in kind.__subclasses__() for each in list_operations(below)]
    return [kind, *inner] if getattr(kind, "op", None) in OPERATION_REQUESTS else inner


def _operations_of(operation: type[Operation[Any]]) -> SearchStrategy[Operation[Any]]:
    return requests(operation).map(_get_operation)


def _get_operation(request: Request[Any]) -> Operation[Any]:
    return request.operation


def _requests_for_annotation(kind: Any) -> SearchStrategy[Request[Any]]:
    """Draw requests that are answered with what the annotation says; any where it says nothing."""
    asked = get_args(kind)
    fitting = [
        each for each in list_operations() if not asked or kind_of(each) in asked or _is_unresolved_type(asked[0])
    ]
    if not fitting:
        raise InvalidRequest("Request[…]", asked[0], "what an operation answers")
    return requests(*fitting)


def _is_unresolved_type(asked: Any) -> bool:
    return not isinstance(asked, type)  # Any, or a type variable
