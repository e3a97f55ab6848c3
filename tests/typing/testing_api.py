"""What type checkers make of the testing kit: checked in strict mode as ``api.py`` is, never called."""

from typing import Any, assert_type

from genai_fn import AsyncInterpreter, GenaiError, Interpreter, Result, files, generate, streamed, text, until_done
from genai_fn.interpret.aio import AsyncItems
from genai_fn.interpret.sync import Items
from genai_fn.request import Request
from genai_fn.schema import File, GenerateContentResponse
from genai_fn.testing import Ask, Fake, Listen, Sleep, forbid, perform, using

fake = Fake({"generate": "hello", "files.get": [File(), File()], lambda request: request.operation.op == "embed": "x"})
request = generate("m", "hi")

assert_type(Fake(lambda request: request.operation.op), Fake)
assert_type(fake.on("embed", None), Fake)
assert_type(forbid(), Fake)
assert_type(fake.asked, tuple[Request[Any], ...])
assert_type(fake(request), Result[GenerateContentResponse, GenaiError])
assert_type(fake(request | text), Result[str, GenaiError])
assert_type(fake.stream(request | streamed | text), Items[str])

sync: Interpreter = fake
awaited: AsyncInterpreter = fake.aio


async def awaiting() -> None:
    assert_type(await fake.aio(request | text), Result[str, GenaiError])
    assert_type(fake.aio.stream(request | streamed | text), AsyncItems[str])


def within() -> None:
    with using(fake) as inside:
        assert_type(inside, Fake)


def performing() -> None:
    script = [(Ask(request), "hello"), (Listen(request), ["a"]), (Sleep(1.0), None)]
    assert_type(perform(request | text, script), Result[str, GenaiError])
    assert_type(perform(files.get("a") | until_done(), [(request, File())]), Result[File, GenaiError])
    assert_type(perform(request | streamed | text, script), tuple[Result[str, GenaiError], ...])
