"""`register`: registers strategies for the types of this library with Hypothesis."""

from operator import attrgetter
from typing import Any, get_args

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from genai_fn import schema
from genai_fn.errors import GenaiError, InvalidRequest
from genai_fn.request import Operation, Request, kind_of
from genai_fn.schema.base import Message, OpenEnum, Page
from genai_fn.testing.strategies.requests import OPERATION_REQUESTS, requests
from genai_fn.testing.strategies.responses.errors import errors
from genai_fn.testing.strategies.values.types import from_type


def register() -> None:
    """
    Make ``st.from_type`` and ``st.builds`` draw API types, operations, requests and errors.

    ``Request[GenerateContentResponse]`` draws requests with that result type, ``GenaiError`` draws any error.

    >>> from genai_fn import Request
    >>> from genai_fn.schema import File
    >>> from hypothesis import given, settings, strategies as st
    >>> register()
    >>> @settings(max_examples=5)
    ... @given(st.from_type(Request[File]))
    ... def test_operation(request):
    ...     assert request.operation.op == "files.get"
    >>> test_operation()
    """
    for kind in (getattr(schema, name) for name in dir(schema)):
        if isinstance(kind, type) and issubclass(kind, Message | OpenEnum) and kind not in {Message, OpenEnum, Page}:
            st.register_type_strategy(kind, from_type)
    for operation in list_operations():
        st.register_type_strategy(operation, requests(operation).map(attrgetter("operation")))
    st.register_type_strategy(Operation, requests().map(attrgetter("operation")))
    st.register_type_strategy(Request, _requests_for_annotation)
    st.register_type_strategy(GenaiError, errors())


def list_operations(kind: type[Any] = Operation) -> list[type[Operation[Any]]]:
    """List the operation classes that `requests` can draw: the given class and its subclasses."""
    inner = [each for below in kind.__subclasses__() for each in list_operations(below)]
    return [kind, *inner] if getattr(kind, "op", None) in OPERATION_REQUESTS else inner


def _requests_for_annotation(kind: Any) -> SearchStrategy[Request[Any]]:
    """Draw requests with the result type of an annotation ``Request[…]``; of any type if it is ``Request`` alone."""
    args = get_args(kind)
    takes_any = not args or not isinstance(args[0], type)  # ``Any`` or a type variable
    matching = [each for each in list_operations() if takes_any or kind_of(each) in args]
    if not matching:
        raise InvalidRequest("Request[…]", args[0], "the result type of an operation")
    return requests(*matching)
