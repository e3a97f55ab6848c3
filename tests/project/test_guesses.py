"""What newcomers try first, and what the error says to write instead: one table."""

import subprocess
import sys
import traceback
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest
from returns.primitives.exceptions import UnwrapFailedError

import genai_fn
from genai_fn import (
    AsyncHttp,
    Failure,
    Http,
    InvalidRequest,
    Offline,
    RateLimited,
    Retry,
    Unsupported,
    both,
    chats,
    embed,
    explained,
    files,
    gather,
    generate,
    items,
    middleware,
    raise_for,
    schema,
    streamed,
    testing,
    text,
    to_dict,
    tokens,
    with_http_response,
    with_options,
)
from genai_fn.lazy_names import guesses

REQUEST = generate("gemini-2.5-flash", "hi")
RESPONSE: Any = Offline()(REQUEST).unwrap()
PAGE: Any = Offline()(files.list()).unwrap()


GUESSES = {
    "genai_fn.Client": "Http(…) runs requests, AsyncHttp(…) in async code, and run(…) with the key of the environment",
    "genai_fn.types": "the types of the API are in genai_fn.schema",
    "genai_fn.Part": "it is imported by: from genai_fn.schema import Part",
    "genai_fn.GenerateContentConfig": "it is imported by: from genai_fn.schema import GenerateContentConfig",
    "genai_fn.Fake": "it is imported by: from genai_fn.testing import Fake",
    "genai_fn.HandlerWrapper": "it is imported by: from genai_fn.middleware import HandlerWrapper",
    "genai_fn.EmbeddingJob": "it is imported by: from genai_fn.jobs import EmbeddingJob",
    "genai_fn.RateLimitError": "RateLimited is the error of a rate limit, 429",
    "genai_fn.BadRequestError": "ClientError is a response with a status from 400 to 499, ServerError one from 500",
    "genai_fn.chat": "chats.start(model) starts a chat, and chats.send(chat, message) continues it",
    "genai_fn.generate_content": "generate(model, contents) is the request",
    "chats.create(model='m')": "module 'genai_fn.flows.chats' has no attribute 'create': chats.start(model) starts a "
    "chat",
    "chats.send_message": "chats.send(chat, message) continues a chat",
    "tokens.count_tokens(model='m')": "module 'genai_fn.ops.tokens' has no attribute 'count_tokens': tokens.count("
    "model, contents) is the request",
    "genai_fn.models.generate_content": "generate(model, contents) is the request",
    "genai_fn.live.send_client_content": "live.client_content(…) is the message",
    "genai_fn.file_search_stores": "stores.create(config) creates a store",
    "Retry(tries=3)": "Retry(tries=…) is Retry(attempts=…) now",
    "Retry(max_retries=3)": "Retry() got an unexpected keyword argument 'max_retries': write Retry(attempts=…)",
    "Retry(exp_base=2)": "Retry() got an unexpected keyword argument 'exp_base': write Retry(multiplier=…)",
    "Retry(http_status_codes=[429])": "Retry() got an unexpected keyword argument 'http_status_codes': write "
    "Retry(status_codes=(…))",
    "Retry(deadline=20)": "Retry() got an unexpected keyword argument 'deadline': write request | with_options("
    "deadline=…)",
    "Http(timeout=20)": "Http() got an unexpected keyword argument 'timeout': write Http(timeouts=Timeouts(total=…))",
    "Http(max_retries=5)": "Http() got an unexpected keyword argument 'max_retries': write Http(retry=Retry("
    "attempts=…))",
    "Http(deadline=20)": "Http() got an unexpected keyword argument 'deadline': write request | with_options("
    "deadline=…)",
    "with_options(timeout=20)": "with_options() got an unexpected keyword argument 'timeout': write with_options("
    "deadline=…) for the whole action, or with_options(timeouts=Timeouts(total=…)) for each request",
    "with_options(retries=5)": "with_options() got an unexpected keyword argument 'retries': write with_options("
    "retry=Retry(attempts=…))",
    "with_options(max_retries=5)": "with_options(retry=Retry(attempts=…))",
    "AsyncHttp(api_key='x')": "AsyncHttp() got an unexpected keyword argument 'api_key': write AsyncHttp(Gemini("
    "api_key=…))",
    "RESPONSE.parsed": "'GenerateContentResponse' object has no attribute 'parsed': a request | returning(YourType) "
    "returns the parsed value",
    "RESPONSE.model_dump()": "genai_fn.to_dict(…) returns a dict",
    "RESPONSE.model_dump_json()": "genai_fn.to_json(…) returns a text",
    "RESPONSE.to_json_dict()": "genai_fn.to_dict(…) returns a dict",
    "RESPONSE.model_copy()": "msgspec.structs.replace(value, field=…) returns a changed copy",
    "RESPONSE.choices": "the text of a response is its text",
    "RESPONSE.candidates[0].content.json()": "genai_fn.to_json(…) returns a text",
    "[f.name for f in Offline()(files.list())]": "'ListFilesResponse' object has no attribute 'name': it is a page, so "
    "iterate over it; run.stream(… | items) reads all pages",
    "Offline()(REQUEST.map(lambda answer: generate('m', answer.text)))": "map: expected a function that returns a "
    "value; .bind(f) runs the action that f returns",
    "REQUEST | text()": "text is a modifier already: write … | text, without () after it",
    "files.list() | items()": "items is a modifier already: write … | items, without () after it",
    "REQUEST | streamed()": "streamed is a modifier already: write … | streamed, without () after it",
    "REQUEST | with_http_response()": "with_http_response is a modifier already",
    "(text | explained)()": "text | explained is a modifier already",
    "REQUEST | text | streamed": "streamed: expected a request: put | streamed before modifiers that read the response",
    "generate('m', [{'role': 'system', 'content': 'x'}])": "contents[0].role: expected system_instruction in the "
    "config, or | with_system(…), got 'system'",
    "generate('m', [{'role': 'user', 'content': 'x'}])": "contents[0].content: expected parts in place of content, as "
    'in {"role": "user", "parts": […]}, got \'x\'',
    "generate('m', ['x', {'role': 'assistant', 'content': 'y'}])": "contents[1].content: expected parts in place of "
    'content, as in {"role": "model", "parts": […]}, got \'y\'',
    "chats.start('m', history=[{'role': 'developer', 'content': 'x'}])": "history[0].role: expected system_instruction "
    "in the config, or | with_system(…), got 'developer'",
    "generate('m', [Path('x.png')])": "contents[0]: expected a Part: Part.from_file(location=…) reads a file, and "
    "files.upload(…) uploads one",
    "generate('m', 'hi', {'http_options': {}})": "config.http_options: expected the modifier with_options(…) instead",
    "generate('m', 'hi', {'timeout': 20})": "config.timeout: expected the modifier with_options(deadline=…) instead, "
    "got 20",
    "generate('m', 'hi', {'headers': {'a': 'b'}})": "config.headers: expected the modifier with_options(headers=…) "
    "instead, got '***'",
    "embed('m', 'hi', {'retry': 3})": "config.retry: expected the modifier with_options(retry=Retry(attempts=…)) "
    "instead",
    "genai_fn.caches.create('m', {'ttl': 300})": "config.ttl: expected text, such as '300s', got 300",
    "genai_fn.caches.update('1', {'ttl': 300})": "config.ttl: expected text, such as '300s', got 300",
    "generate('m', [{'text': 'x', 'video_metadata': {'start_offset': 2}}])": "start_offset: expected text, such as "
    "'2s', got 2",
    "tokens.count(REQUEST | text)": "request: expected a request to generate without modifiers of its answer, such as "
    "text, streamed or calling",
    "raise_for(Offline()(tokens.count('m', 'hi', {'system_instruction': 'Be brief.'})))": "not on the Gemini Developer "
    "API: config.system_instruction (tokens.count(generate(…)) counts a request with its config)",
    "gather(REQUEST, 'hi')": "actions: expected Requests and Flows, got 'hi'",
    "gather(3)": "actions: expected Requests and Flows, or an iterable of them, sync or async, got 3",
    "both(REQUEST)": "actions: expected two to five actions; gather(…) runs any number",
    "both(REQUEST, 'hi')": "actions[1]: expected a Request or a Flow, got 'hi'",
    "to_dict(REQUEST)": "value: expected a value of genai_fn.schema, got",
    "to_dict(RESPONSE, names='camel')": 'names: expected "python" or "api", got \'camel\'',
}
NAMES = {
    each.__name__: each
    for each in (AsyncHttp, Http, Offline, Path, Retry, both, embed, gather, generate, to_dict, with_options)
} | {
    "chats": chats,
    "files": files,
    "genai_fn": genai_fn,
    "explained": explained,
    "items": items,
    "raise_for": raise_for,
    "streamed": streamed,
    "text": text,
    "tokens": tokens,
    "with_http_response": with_http_response,
}
NAMES |= {"PAGE": PAGE, "REQUEST": REQUEST, "RESPONSE": RESPONSE}


@pytest.mark.parametrize(("guess", "message"), GUESSES.items(), ids=GUESSES)
def test_guess(guess: str, message: str) -> None:
    """A wrong guess raises at once, and the message has the right name."""
    with pytest.raises(Exception, match=r"\w") as raised:
        eval(guess, NAMES)  # noqa: S307  # the guesses of the table
    assert isinstance(raised.value, (InvalidRequest, Unsupported, ImportError, AttributeError, TypeError))
    assert message in str(raised.value)


@pytest.mark.parametrize("name", ["Client", "types", "Part", "Fake", "RateLimitError"])
def test_import_of_a_guess(name: str) -> None:
    """``from genai_fn import …`` has the same message as an attribute, where Python alone says that it cannot."""
    with pytest.raises(ImportError) as attribute:
        getattr(genai_fn, name)
    with pytest.raises(ImportError) as imported:
        exec(f"from genai_fn import {name}")  # noqa: S102  # the statement of a newcomer
    assert str(imported.value) == str(attribute.value)


def test_every_hint_is_needed() -> None:
    """No guess is a name of the package; every name that a hint writes as code, or as an import, exists."""
    assert guesses._HINTS.keys() & set(genai_fn.__all__) == set()
    for package in (schema, testing, middleware):
        assert set(package.__all__) & set(genai_fn.__all__) == set()
    written = {word.split("(")[0] for hint in guesses._HINTS.values() for word in hint.split() if "(" in word}
    assert {word.split(".")[0] for word in written} <= set(genai_fn.__all__)
    assert [word for word in written if not has_name(word)] == []
    assert [name for name in guesses._HINTS if has_name(name)] == []


def has_name(path: str) -> bool:
    """Whether the package has a name, or one of its public modules has it."""
    module, _, name = path.rpartition(".")
    owner: Any = getattr(genai_fn, module) if module else genai_fn
    return name in owner.__all__


def test_other_names() -> None:
    """An unknown name is an AttributeError, as ``hasattr`` expects."""
    assert not hasattr(genai_fn, "nonsense")
    assert not hasattr(genai_fn, "_nonsense")
    assert not hasattr(chats, "create")
    with pytest.raises(AttributeError, match=r"^module 'genai_fn.flows.chats' has no attribute 'nonsense'$"):
        attrgetter("nonsense")(chats)
    assert not hasattr(RESPONSE, "nonsense")
    assert getattr(schema.Part(), "__wrapped__", None) is None


def test_modules_are_no_guesses() -> None:
    """Importing a module of the package for the first time loads nothing else: it is no guess."""
    program = (
        "from genai_fn import codec, files; from genai_fn.ops.files import file_id; "
        "import sys; sys.exit(repr('genai_fn.lazy_names.guesses' in sys.modules))"
    )
    process = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert process.stderr.strip() == "False"


def test_missing_extra() -> None:
    """Strategies without Hypothesis name the package that is missing, and the command that installs it."""
    program = "import sys; sys.modules['hypothesis'] = None; import genai_fn.testing.strategies"
    process = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    last = process.stderr.strip().splitlines()[-1]
    assert last.startswith(
        "ModuleNotFoundError: genai_fn.testing.strategies needs the package hypothesis: pip install 'hypothesis"
    )


def test_unwrap_shows_the_reason() -> None:
    """The traceback of ``unwrap()`` on a failure contains the error: `returns` raises its own from it."""
    error = RateLimited(429, "RESOURCE_EXHAUSTED", "quota of today is spent")
    with pytest.raises(UnwrapFailedError) as raised:
        Failure(error).unwrap()
    assert raised.value.__cause__ is error
    assert "quota of today is spent" in "".join(traceback.format_exception(raised.value))
