"""langchain-google-genai: chat models and embeddings."""

import asyncio
import os
from typing import Any

import pydantic
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from langchain_google_genai import ChatGoogleGenerativeAI, GoogleGenerativeAIEmbeddings
from rows import check, run_rows

URL = os.environ["EMULATOR_URL"]


def _connect(**options: Any) -> ChatGoogleGenerativeAI:
    return ChatGoogleGenerativeAI(model="gemini-2.5-flash", api_key="any-key", base_url=URL, max_retries=1, **options)


class Recipe(pydantic.BaseModel):
    """A recipe."""

    name: str
    minutes: int


@tool
def get_weather(city: str) -> str:
    """Return the weather of a city."""
    return f"fine in {city}"


def generate() -> None:
    message = _connect().invoke([SystemMessage("Be terse."), HumanMessage("Why?")])
    check("My instructions are: “Be terse.” You asked: “Why?”" in message.text, message)
    check(message.usage_metadata["total_tokens"] > 0, message)


def generate_async() -> None:
    message = asyncio.run(_connect().ainvoke("Why?"))
    check("Why?" in message.text, message)


def stream() -> None:
    chunks = list(_connect().stream("Why?"))
    check(len(chunks) > 1 and "Why?" in "".join(each.text for each in chunks), chunks)


def stream_async() -> None:
    async def read() -> str:
        return "".join([each.text async for each in _connect().astream("Why?")])

    text = asyncio.run(read())
    check("Why?" in text, text)


def batch() -> None:
    messages = _connect().batch(["One?", "Two?"])
    check(["One?" in messages[0].text, "Two?" in messages[1].text] == [True, True], messages)


def chat() -> None:
    message = _connect().invoke([HumanMessage("One?"), AIMessage("1"), HumanMessage("Two?")])
    check("Before that came 2 turns." in message.text, message)


def tools_round_trip() -> None:
    model = _connect()
    question = HumanMessage("Rome")
    message = model.bind_tools([get_weather], tool_choice="any").invoke([question])
    (call,) = message.tool_calls
    answer = get_weather.invoke(call)
    check(isinstance(answer, ToolMessage), answer)
    second = model.bind_tools([get_weather]).invoke([question, message, answer])
    check("fine in Rome" in second.text, second)


def streamed_tool_call() -> None:
    chunks = list(_connect().bind_tools([get_weather], tool_choice="any").stream("Rome"))
    calls = [call for each in chunks for call in each.tool_calls]
    check([each["name"] for each in calls] == ["get_weather"], chunks)


def structured_output_by_schema() -> None:
    found = _connect().with_structured_output(Recipe, method="json_schema").invoke("Pie")
    check(isinstance(found, Recipe), found)


def structured_output_by_tool() -> None:
    found = _connect().with_structured_output(Recipe, method="function_calling").invoke("Pie")
    check(isinstance(found, Recipe), found)


def image_as_input() -> None:
    image = {"type": "image_url", "image_url": "data:image/png;base64,iVBORw=="}
    message = _connect().invoke([HumanMessage([{"type": "text", "text": "What is it?"}, image])])
    check("1 image/png" in message.text, message)


def count_tokens() -> None:
    check(_connect().get_num_tokens("One, two.") > 0, "no tokens")


def embeddings() -> None:
    embedder = GoogleGenerativeAIEmbeddings(model="gemini-embedding-001", api_key="any-key", base_url=URL)
    vectors = embedder.embed_documents(["a cat", "a dog"])
    check(len(vectors) == 2 and len(embedder.embed_query("a cat")) == len(vectors[0]), len(vectors))


def error_of_the_request() -> None:
    try:
        _connect(n=9).invoke("Why?")
    except Exception as error:  # its own types differ between releases
        check("400" in str(error), error)
    else:
        raise AssertionError("no error")


def error_of_the_quota() -> None:
    try:
        _connect(additional_headers={"x-emulate": "status=429"}).invoke("Why?")
    except Exception as error:  # its own types differ between releases
        check("429" in str(error), error)
    else:
        raise AssertionError("no error")


run_rows(
    ("langchain-google-genai", "google-genai"),
    *(generate, generate_async, stream, stream_async, batch, chat, tools_round_trip, streamed_tool_call),
    *(structured_output_by_schema, structured_output_by_tool, image_as_input, count_tokens, embeddings),
    *(error_of_the_request, error_of_the_quota),
)
