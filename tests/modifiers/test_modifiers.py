"""Modifiers: order, precedence, refusals; all of them are values."""

import copy
import itertools
import pickle
from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from genai_fn import (
    Gemini,
    InvalidRequest,
    Result,
    Retry,
    Timeouts,
    attempt,
    both,
    calling,
    collected,
    each,
    encode,
    generate,
    joined,
    streamed,
    text,
    with_config,
    with_http_response,
    with_options,
    with_system,
    with_tools,
)
from genai_fn.errors import GenaiError
from genai_fn.request import (
    POST,
    Action,
    Call,
    Flow,
    FlowGenerator,
    FlowTraits,
    Modifier,
    Operation,
    Request,
    Stream,
    flow,
    is_spawning,
    read_json,
    start_generator,
    stream,
)
from genai_fn.schema import Content, GenerateContentConfig, GenerateContentResponse

REQUEST = generate("m", "hi")
BACKEND = Gemini("test-key")


def to_upper(value: object) -> str:
    """Return another value."""
    return str(value).upper()


def build_request(value: object) -> Request[GenerateContentResponse]:
    """Return a request with a value."""
    return generate("m", str(value))


def get_root_config(request: Any) -> GenerateContentConfig:
    """Return the config at the root of a description."""
    while not isinstance(request, Request):
        request = request.source
    found: GenerateContentConfig = request.operation.config  # type: ignore[attr-defined]  # generate has one
    return found


# with_config


def test_later_wins() -> None:
    """Later values win field by field, and None unsets a field."""
    action = (
        REQUEST | with_config(temperature=0.1, top_k=5) | with_config(temperature=0.2) | with_config(top_k=None, seed=0)
    )
    assert get_root_config(action) == GenerateContentConfig(temperature=0.2, seed=0)
    assert get_root_config(REQUEST) == GenerateContentConfig()


@pytest.mark.parametrize(
    "given", ({"temperature": 0.5}, {"temperature": 0.5, "topK": 3.0}, GenerateContentConfig(temperature=0.5)), ids=repr
)
def test_config_and_fields(given: Any) -> None:
    """A config, a dict in either spelling and single fields are equivalent; fields take precedence."""
    assert get_root_config(REQUEST | with_config(given, seed=1)).temperature == 0.5
    assert get_root_config(REQUEST | with_config(given, temperature=0.7)).temperature == 0.7
    assert get_root_config(REQUEST | with_config(top_p=0.1) | with_config(given)).top_p == 0.1


def test_empty_is_set() -> None:
    """Empty strings, zero and False are values; only None unsets."""
    action = REQUEST | with_config(stop_sequences=["x"]) | with_config(stop_sequences=[])
    assert get_root_config(action).stop_sequences == ()
    assert b'"stopSequences":[]' in bytes(encode(action, BACKEND).unwrap().body)  # type: ignore[arg-type]  # it is bytes


def test_system() -> None:
    """`with_system` takes what contents take."""
    assert (
        get_root_config(REQUEST | with_system("be brief")).system_instruction
        == get_root_config(REQUEST | with_config(system_instruction="be brief")).system_instruction
    )


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"temprature": 1}, "config.temprature"),
        ({"temperature": "warm"}, "config.temperature"),
        ({"safety_settings": [{"threshold": 7}]}, "config.safety_settings[0].threshold"),
        ({"stop_sequences": [1]}, "config.stop_sequences[0]"),
    ],
)
def test_wrong_field(fields: dict[str, Any], path: str) -> None:
    """An invalid field is refused when the modifier is applied, with its path and value."""
    modifier = with_config(**fields)
    with pytest.raises(InvalidRequest) as raised:
        REQUEST | modifier
    assert raised.value.path == path


@pytest.mark.parametrize("wrong", (7, "x", [("temperature", 1)], Content()), ids=repr)
def test_wrong_config(wrong: Any) -> None:
    """A value that is not a config is refused."""
    with pytest.raises(InvalidRequest):
        REQUEST | with_config(wrong)


def test_nothing_is_mutated() -> None:
    """Changing a dict after it was passed does not change the modifier, and vice versa."""
    given: dict[str, Any] = {"labels": {"a": "b"}, "stop_sequences": ["x"]}
    original = copy.deepcopy(given)
    modifier = with_config(given)
    action = REQUEST | modifier
    assert given == original
    given["stop_sequences"].append("y")
    given["labels"]["c"] = "d"
    assert get_root_config(action).stop_sequences == ("x",)
    assert get_root_config(action).labels == {"a": "b"}
    assert modifier == with_config(original)
    assert REQUEST | modifier == action


def test_tools_are_not_mutated() -> None:
    """Changing a tool after it was passed does not change `with_tools`."""
    tool: dict[str, Any] = {"function_declarations": [{"name": "f"}]}
    modifier = with_tools(tool)
    action = REQUEST | modifier
    tool["function_declarations"][0]["name"] = "g"
    assert REQUEST | modifier == action


def test_iterators_are_read_once() -> None:
    """A modifier whose field is an iterator sets the same items each time it is applied."""
    modifier = with_config(stop_sequences=iter(["x", "y"]))
    for _ in range(2):
        assert get_root_config(REQUEST | modifier).stop_sequences == ("x", "y")


def test_config_that_contains_itself() -> None:
    """A config that contains itself is refused when the modifier is applied."""
    schema: dict[str, Any] = {}
    schema["items"] = schema
    with pytest.raises(InvalidRequest):
        REQUEST | with_config(response_json_schema=schema)


# Order


SHAPES = (with_config(temperature=0.2), with_options(retry=Retry(attempts=2)), with_system("be brief"))
MAKERS: dict[str, tuple[Modifier, ...]] = {
    "text": (text,),
    "streamed": (streamed,),
    "texts": (streamed, text),
    "all": (streamed, each(to_upper), text, joined),
    "tuple": (streamed, collected),
}


@pytest.mark.parametrize("name", MAKERS)
def test_order_does_not_matter(name: str) -> None:
    """Modifiers of the request apply to its root, wherever they are."""
    makers = MAKERS[name]
    action: Any = REQUEST
    for modifier in (*SHAPES, *makers):
        action = action | modifier
    for order in itertools.permutations(SHAPES):
        reordered: Any = REQUEST
        for modifier in (*makers, *order):
            reordered = reordered | modifier
        assert reordered == action


@pytest.mark.parametrize(
    "flow",
    (REQUEST.map(to_upper), REQUEST.bind(build_request), REQUEST.lash(build_request), (REQUEST | text).map(to_upper)),
    ids=("map", "bind", "lash", "text"),
)
def test_through_methods(flow: Flow[Any]) -> None:
    """Methods keep the request at the root."""
    assert get_root_config(flow | with_config(seed=3)).seed == 3


def test_composed() -> None:
    """Modifiers compose without a request, and compare by what they do."""
    composition = with_config(temperature=0.2) | streamed | text
    assert REQUEST | composition == REQUEST | with_config(temperature=0.2) | streamed | text
    assert (REQUEST | (composition | joined)) == (REQUEST | composition | joined)
    assert composition == with_config(temperature=0.2) | streamed | text
    assert composition != with_config(temperature=0.3) | streamed | text


# with_options


def test_options_later_wins() -> None:
    """Later options win one by one; later headers replace earlier ones."""
    action = REQUEST | with_options(retry=Retry(attempts=2), deadline=5) | with_options(deadline=7, headers={"a": "1"})
    assert (action.options.retry, action.options.deadline, action.options.headers) == (
        Retry(attempts=2),
        7,
        (("a", "1"),),
    )
    assert REQUEST | with_options() == REQUEST


def test_options_keep_the_wrapping() -> None:
    """Options after `with_http_response` keep it."""
    assert (REQUEST | with_http_response | with_options(deadline=1)).options.with_http_response


def test_deadline() -> None:
    """A deadline applies to a request or stream itself, and to a flow as a whole."""
    assert (REQUEST | with_options(deadline=5)).options.deadline == 5
    assert (REQUEST | streamed | with_options(deadline=5)).source.options.deadline == 5
    action = REQUEST | text | with_options(deadline=5)
    assert (action.source, action.args) == (REQUEST | text, (5,))


@pytest.mark.parametrize(
    "wrong",
    [
        {"deadline": 0},
        {"deadline": -1},
        {"deadline": float("nan")},
        {"deadline": True},
        {"deadline": "5"},
        {"server_timeout": 0},
        {"headers": {"a": "b\nc"}},
        {"headers": {"": "b"}},
        {"headers": {"a": 1}},
        {"headers": 7},
        {"timeouts": 5},
        {"retry": 3},
        {"api_version": 1},
        {"api_version": "v1/../v2"},
        {"api_version": "v1?x"},
        {"base_url": "host"},
        {"extra_body": 7},
    ],
    ids=repr,
)
def test_wrong_options(wrong: dict[str, Any]) -> None:
    """An invalid option is refused at once."""
    with pytest.raises(InvalidRequest):
        with_options(**wrong)


@pytest.mark.parametrize(
    "build",
    [
        lambda: with_config(temperature=1) | 5,
        lambda: text(5),
        lambda: with_config(temperature=1)("hi"),
        lambda: each(5),  # type: ignore[arg-type]  # wrong on purpose
    ],
    ids=["composed", "called", "shaping", "function"],
)
def test_modifiers_meet_descriptions(build: Any) -> None:
    """A modifier applies to a description, and composes with a modifier; anything else is refused."""
    with pytest.raises(InvalidRequest):
        build()


@pytest.mark.parametrize(
    "wrong", [(REQUEST, 1), (None, REQUEST), (REQUEST, REQUEST | streamed)], ids=["b", "a", "stream"]
)
def test_both_takes_actions(wrong: tuple[Any, Any]) -> None:
    """Values that are not actions are refused at once."""
    with pytest.raises(InvalidRequest, match="expected a Request or a Flow"):
        both(*wrong)


@pytest.mark.parametrize("wrong", ({"connect": 0}, {"idle": float("inf")}, {"total": None}, {"total": True}), ids=repr)
def test_wrong_timeouts(wrong: dict[str, Any]) -> None:
    """An invalid timeout is refused."""
    with pytest.raises(InvalidRequest):
        Timeouts(**wrong)


@pytest.mark.parametrize("build", (lambda n: Timeouts(idle=n), lambda n: Retry(max_delay=n, multiplier=n)))
def test_too_large_numbers(build: Callable[[int], Any]) -> None:
    """A whole number that no float can hold is refused at once, and not when a time is computed with it."""
    with pytest.raises(InvalidRequest):
        build(10**400)


def test_options_show_no_secret() -> None:
    """Headers that may hold credentials are hidden in the repr of a request."""
    shown = repr(REQUEST | with_options(headers={"authorization": "Bearer test-token", "x-a": "b"}))
    assert ("test-token" in shown, '"b"' in shown) == (False, True)


# Refusals


class BareOperation(Operation[GenerateContentResponse]):
    """An operation without config, streaming or text."""

    op: ClassVar[str] = "tests.bare"

    def gemini(self, backend: Gemini) -> Call[GenerateContentResponse]:
        return POST("bare", None, read_json(GenerateContentResponse))


REFUSED_MODIFIERS: list[tuple[Any, Any]] = [
    (Request(BareOperation()), with_config(seed=1)),
    (Request(BareOperation()), streamed),
    (Request(BareOperation()), text),
    (both(REQUEST, REQUEST), with_config(seed=1)),
    (both(REQUEST, REQUEST), with_options(retry=Retry())),
    (REQUEST | text, streamed),
    (REQUEST | streamed, streamed),
    (REQUEST | streamed, with_http_response),
    (REQUEST | text, with_http_response),
    (REQUEST | with_http_response, text),
    (REQUEST | with_http_response, streamed),
    (REQUEST, joined),
    (REQUEST, collected),
    (REQUEST, each(to_upper)),
    (REQUEST | text, joined),
    (REQUEST, to_upper),
    (REQUEST, with_config),
    (REQUEST, 7),
    (REQUEST | streamed, to_upper),
    (REQUEST | text, None),
]


@pytest.mark.parametrize(("description", "modifier"), REFUSED_MODIFIERS)
def test_refused(description: Any, modifier: Any) -> None:
    """An invalid use is refused at once, with an error that names it."""
    with pytest.raises(InvalidRequest) as raised:
        description | modifier
    assert raised.value.path
    assert str(raised.value)


# Values


DESCRIPTIONS: dict[str, Any] = {
    "request": REQUEST,
    "shaped": REQUEST
    | with_config(temperature=0.2, stop_sequences=["x"])
    | with_options(headers={"a": "b"}, retry=Retry()),
    "stream": REQUEST | streamed,
    "texts": REQUEST | streamed | text,
    "each": REQUEST | streamed | each(to_upper),
    "flow": REQUEST | text,
    "joined": REQUEST | streamed | text | joined,
    "collected": REQUEST | streamed | collected,
    "map": REQUEST.map(to_upper),
    "bind": REQUEST.bind(build_request),
    "lash": (REQUEST | text).lash(build_request),
    "both": both(REQUEST, REQUEST | text),
    "within": REQUEST | text | with_options(deadline=3),
    "modifier": with_config(temperature=0.2),
    "composed": with_system("x") | streamed | each(to_upper),
    "bare modifier": text,
}


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_value(name: str) -> None:
    """Descriptions and modifiers equal their copies, have the same hash, and equal nothing else."""
    value = DESCRIPTIONS[name]
    for duplicate in (copy.copy(value), copy.deepcopy(value), pickle.loads(pickle.dumps(value))):
        assert duplicate == value
        assert hash(duplicate) == hash(value)
        assert repr(duplicate) == repr(value)
    assert [other for other, each in DESCRIPTIONS.items() if each == value] == [name]


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_frozen(name: str) -> None:
    """Descriptions and modifiers are immutable."""
    value = DESCRIPTIONS[name]
    for field in value.__struct_fields__:
        with pytest.raises(AttributeError):
            setattr(value, field, None)


def test_kinds() -> None:
    """Each modifier returns the kind of description that its type states."""
    assert isinstance(REQUEST | text, Flow)
    assert isinstance(REQUEST | streamed, Stream)
    assert isinstance(REQUEST | streamed | text, Stream)
    assert isinstance(REQUEST | streamed | joined, Flow)
    assert isinstance(REQUEST | with_http_response, Request)


# Traits


@stream(traits=FlowTraits(passes_calling=True))
def emit_copies(source: Stream[Any]) -> FlowGenerator[None]:
    """Emit the items of a stream."""
    yield from start_generator(source)


@flow(traits=FlowTraits(streamed_builder=emit_copies, passes_calling=True, deadline_at_root=True))
def run_copy(source: Action[Any]) -> FlowGenerator[Result[Any, GenaiError]]:
    """Return the result of an action."""
    return (yield from attempt(source))


@flow
def run_plain(source: Action[Any]) -> FlowGenerator[Result[Any, GenaiError]]:
    """Return the result of an action, as a flow without traits."""
    return (yield from attempt(source))


def greet(name: str) -> str:
    """Return a greeting."""
    return f"Hello, {name}."


def test_traits() -> None:
    """The traits of a flow determine the effect of modifiers: streaming, function calling, deadlines."""
    copy_flow = Flow[Any](run_copy, REQUEST)
    assert copy_flow | streamed == Stream(emit_copies, REQUEST | streamed)
    assert (copy_flow | calling(greet)).source == REQUEST | calling(greet)
    assert (copy_flow | streamed | calling(greet)).source == REQUEST | calling(greet) | streamed
    assert (copy_flow | with_options(deadline=5)).source.options.deadline == 5
    assert pickle.loads(pickle.dumps(copy_flow)) == copy_flow


def test_default_traits() -> None:
    """A flow without traits is not streamed, calls no functions, and is bounded as a whole; a stream may spawn."""
    plain = Flow[Any](run_plain, REQUEST)
    for modifier in (streamed, calling(greet)):
        with pytest.raises(InvalidRequest):
            plain | modifier
    assert (plain | with_options(deadline=5)).source == plain
    assert is_spawning(Stream[Any](stream(emit_copies.__wrapped__), REQUEST | streamed))  # type: ignore[attr-defined]  # functools.wraps set it
    assert not is_spawning(Stream[Any](emit_copies, REQUEST | streamed))
