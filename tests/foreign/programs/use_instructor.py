"""instructor: structured outputs, over google-genai and over OpenAI's SDK."""

import asyncio
import os
from typing import Any

import instructor
import pydantic
from google.genai import Client, types
from instructor.core import InstructorRetryException
from openai import OpenAI
from rows import check, run_rows

URL = os.environ["EMULATOR_URL"]
MODEL = "gemini-2.5-flash"
GOOGLE = Client(api_key="any-key", http_options=types.HttpOptions(base_url=URL))
OPENAI = OpenAI(api_key="any-key", base_url=f"{URL}/v1beta/openai", max_retries=0)
PIE: Any = [{"role": "user", "content": "Pie"}]


class Recipe(pydantic.BaseModel):
    """A recipe."""

    name: str
    minutes: int


class ImpossibleRecipe(pydantic.BaseModel):
    """A recipe whose rules are not in its schema."""

    minutes: int

    @pydantic.field_validator("minutes")
    @classmethod
    def check_minutes(cls, minutes: int) -> int:
        """Refuse every number."""
        raise ValueError(f"{minutes} is too short")


def by_tool() -> None:
    client = instructor.from_genai(GOOGLE, mode=instructor.Mode.GENAI_TOOLS)
    found = client.create(model=MODEL, messages=PIE, response_model=Recipe)
    check(isinstance(found, Recipe), found)


def by_schema() -> None:
    client = instructor.from_genai(GOOGLE, mode=instructor.Mode.GENAI_STRUCTURED_OUTPUTS)
    found = client.create(model=MODEL, messages=PIE, response_model=Recipe)
    check(isinstance(found, Recipe), found)


def by_tool_async() -> None:
    async def create() -> Any:
        client = instructor.from_genai(GOOGLE, mode=instructor.Mode.GENAI_TOOLS, use_async=True)
        return await client.create(model=MODEL, messages=PIE, response_model=Recipe)

    found = asyncio.run(create())
    check(isinstance(found, Recipe), found)


def partial_by_schema() -> None:
    client = instructor.from_genai(GOOGLE, mode=instructor.Mode.GENAI_STRUCTURED_OUTPUTS)
    found = list(client.create_partial(model=MODEL, messages=PIE, response_model=Recipe))
    check(found and found[-1].minutes == 0, found)


def with_completion() -> None:
    client = instructor.from_genai(GOOGLE, mode=instructor.Mode.GENAI_TOOLS)
    found, completion = client.create_with_completion(model=MODEL, messages=PIE, response_model=Recipe)
    check(isinstance(found, Recipe) and completion.usage_metadata.total_token_count > 0, completion)


def failed_validation() -> None:
    client = instructor.from_genai(GOOGLE, mode=instructor.Mode.GENAI_TOOLS)
    try:
        client.create(model=MODEL, messages=PIE, response_model=ImpossibleRecipe, max_retries=2)
    except InstructorRetryException as error:
        check(error.n_attempts > 1, error.n_attempts)
    else:
        raise AssertionError("no error")


def openai_path_by_tool() -> None:
    client = instructor.from_openai(OPENAI, mode=instructor.Mode.TOOLS)
    found = client.create(model=MODEL, messages=PIE, response_model=Recipe)
    check(isinstance(found, Recipe), found)


def openai_path_by_schema() -> None:
    client = instructor.from_openai(OPENAI, mode=instructor.Mode.JSON_SCHEMA)
    found = client.create(model=MODEL, messages=PIE, response_model=Recipe)
    check(isinstance(found, Recipe), found)


def openai_path_partial() -> None:
    client = instructor.from_openai(OPENAI, mode=instructor.Mode.JSON_SCHEMA)
    found = list(client.create_partial(model=MODEL, messages=PIE, response_model=Recipe))
    check(found and found[-1].minutes == 0, found)


run_rows(
    ("instructor", "google-genai", "openai"),
    *(by_tool, by_schema, by_tool_async, partial_by_schema, with_completion, failed_validation),
    *(openai_path_by_tool, openai_path_by_schema, openai_path_partial),
)
