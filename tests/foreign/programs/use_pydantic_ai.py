"""Agents of pydantic-ai, on the API's own path and on the one for clients of OpenAI's API."""

import asyncio
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pydantic
from pydantic_ai import Agent, BinaryContent, Embedder, ModelHTTPError, NativeOutput, PromptedOutput, ToolOutput
from pydantic_ai.embeddings.google import GoogleEmbeddingModel
from pydantic_ai.models.google import GoogleModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.google import GoogleProvider
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.usage import UsageLimits
from rows import check, run_rows

URL = os.environ["EMULATOR_URL"]
PROVIDER = GoogleProvider(api_key="any-key", base_url=URL)
MODEL = GoogleModel("gemini-2.5-flash", provider=PROVIDER)
OPENAI = OpenAIChatModel(
    "gemini-2.5-flash", provider=OpenAIProvider(api_key="any-key", base_url=f"{URL}/v1beta/openai")
)
LIMITS = UsageLimits(request_limit=5)


class Recipe(pydantic.BaseModel):
    name: str
    minutes: int


def generate() -> None:
    result = Agent(MODEL, instructions="Be terse.").run_sync("Why?")
    check("My instructions are: “Be terse.” You asked: “Why?”" in result.output, result.output)
    check(result.usage.total_tokens > 0, result.usage)


def stream() -> None:
    async def read() -> str:
        async with Agent(MODEL).run_stream("Why?") as result:
            return await result.get_output()

    text = asyncio.run(read())
    check("Why?" in text, text)


def chat() -> None:
    agent = Agent(MODEL)
    first = agent.run_sync("One?")
    second = agent.run_sync("Two?", message_history=first.all_messages())
    check("Before that came 2 turns." in second.output, second.output)


def structured_output_by_tool() -> None:
    result = Agent(MODEL, output_type=ToolOutput(Recipe)).run_sync("Pie", usage_limits=LIMITS)
    check(isinstance(result.output, Recipe), result.output)


def structured_output_by_schema() -> None:
    result = Agent(MODEL, output_type=NativeOutput(Recipe)).run_sync("Pie", usage_limits=LIMITS)
    check(isinstance(result.output, Recipe), result.output)


def structured_output_by_prompt() -> None:
    result = Agent(MODEL, output_type=PromptedOutput(Recipe)).run_sync("Pie", usage_limits=LIMITS)
    check(isinstance(result.output, Recipe), result.output)


def streamed_structured_output() -> None:
    async def read() -> Any:
        async with Agent(MODEL, output_type=Recipe).run_stream("Pie", usage_limits=LIMITS) as result:
            return await result.get_output()

    found = asyncio.run(read())
    check(isinstance(found, Recipe), found)


def _add_tool(agent: Agent[None, Any]) -> list[str]:
    calls: list[str] = []

    @agent.tool_plain
    def get_weather(city: str) -> str:
        """Return the weather of a city."""
        calls.append(city)
        return f"fine in {city}"

    return calls


def declared_tools() -> None:
    agent = Agent(MODEL)
    _add_tool(agent)
    check("Rome" in agent.run_sync("Rome", usage_limits=LIMITS).output, "no text")


def tools_together_with_an_output_type() -> None:
    agent = Agent(MODEL, output_type=Recipe)
    calls = _add_tool(agent)
    result = agent.run_sync("Rome", usage_limits=LIMITS)
    check(isinstance(result.output, Recipe) and calls == ["Rome"], (result.output, calls))


def image_as_input() -> None:
    image = BinaryContent(data=b"\x89PNG", media_type="image/png")
    text = Agent(MODEL).run_sync(["What is it?", image]).output
    check("1 image/png" in text, text)


def count_tokens() -> None:
    limits = UsageLimits(count_tokens_before_request=True, input_tokens_limit=1000)
    check(Agent(MODEL).run_sync("Why?", usage_limits=limits).output, "no text")


def embeddings() -> None:
    embedder = Embedder(GoogleEmbeddingModel("gemini-embedding-001", provider=PROVIDER))
    found = embedder.embed_sync(["a cat", "a dog"], input_type="document")
    check(len(found.embeddings) == 2, found)


def error_of_the_request() -> None:
    try:
        Agent(MODEL).run_sync("Why?", model_settings={"temperature": 9})
    except ModelHTTPError as error:
        check(error.status_code == 400, error)
    else:
        raise AssertionError("no error")


def openai_path_generate() -> None:
    text = Agent(OPENAI, instructions="Be terse.").run_sync("Why?").output
    check("My instructions are: “Be terse.” You asked: “Why?”" in text, text)


def openai_path_stream() -> None:
    async def read() -> str:
        async with Agent(OPENAI).run_stream("Why?") as result:
            return await result.get_output()

    text = asyncio.run(read())
    check("Why?" in text, text)


def openai_path_structured_output() -> None:
    result = Agent(OPENAI, output_type=Recipe).run_sync("Pie", usage_limits=LIMITS)
    check(isinstance(result.output, Recipe), result.output)


def openai_path_tools_together_with_an_output_type() -> None:
    agent = Agent(OPENAI, output_type=Recipe)
    calls = _add_tool(agent)
    result = agent.run_sync("Rome", usage_limits=LIMITS)
    check(isinstance(result.output, Recipe) and calls == ["Rome"], (result.output, calls))


def agent_of_the_docs() -> None:
    """Run the test of ``docs/emulator-scripts.md`` in a folder of its own, with the fixture ``emulator``."""
    folder = Path(shutil.copytree(Path(__file__).with_name("agents"), "agents"))
    (folder / "conftest.py").write_text('pytest_plugins = ["genai_fn.testing.fixtures"]', encoding="utf-8")
    command = (sys.executable, "-m", "pytest", "--quiet", "-p", "no:cacheprovider", "--rootdir", ".", ".")
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    check(ended.returncode == 0, ended.stdout)


run_rows(
    ("pydantic-ai-slim", "google-genai", "openai"),
    *(generate, stream, chat, structured_output_by_tool, structured_output_by_schema, structured_output_by_prompt),
    *(streamed_structured_output, declared_tools, tools_together_with_an_output_type, image_as_input, count_tokens),
    *(embeddings, error_of_the_request, openai_path_generate, openai_path_stream, openai_path_structured_output),
    *(openai_path_tools_together_with_an_output_type, agent_of_the_docs),
)
