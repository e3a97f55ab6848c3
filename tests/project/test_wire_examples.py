"""The examples of the reference that show each builder on the wire."""

import inspect
import re
from functools import cache

import pytest

from docs import write_operations
from docs.site_pages import reference
from docs.site_pages.wire import running, sections
from docs.site_pages.wire.examples import Example
from docs.site_pages.wire.recording import Exchange
from docs.site_pages.wire.running import Step
from docs.site_pages.wire.table import EXAMPLES
from genai_fn import Failure, Success, Unsupported, embed, embed_many, generate, streamed
from tests.support.builders import list_builders

BY_NAME = {f"{each.builder} {each.case}".strip(): each for each in EXAMPLES}
run_example = cache(running.run_example)
OF_REQUESTS = re.compile(r"\b(Request|Flow|Stream|Live|Action|LiveClientMessage|LiveMusicClientMessage)\b")


def is_on_wire(builder: object) -> bool:
    """Whether a builder returns an action, a stream, a session or a message, as its annotation says."""
    assert callable(builder)
    return OF_REQUESTS.search(str(inspect.signature(builder).return_annotation)) is not None


def test_every_builder() -> None:
    """Every public builder of an operation has an example, and every example is of one; so have streams."""
    builders = {"generate": generate, "embed": embed, "embed_many": embed_many, "streamed": streamed, **list_builders()}
    expected = {name for name, each in builders.items() if name == "streamed" or is_on_wire(each)}
    assert {each.builder for each in EXAMPLES} == expected


def test_names_are_unique() -> None:
    """Two examples of a builder have different cases, so that their anchors differ."""
    assert len(BY_NAME) == len(EXAMPLES)


@pytest.mark.parametrize("example", BY_NAME.values(), ids=BY_NAME.keys())
def test_results(example: Example) -> None:
    """An example succeeds, and fails with its error, once each; another backend refuses it or succeeds, too."""
    runs = run_example(example)
    steps = [each.success for each in runs if isinstance(each.success, Step)]
    assert steps
    assert all(isinstance(each.result, Success) and each.records for each in steps)
    assert all(each.success.reason for each in runs if isinstance(each.success, Unsupported))
    [failure] = [each.failure for each in runs if each.failure is not None]
    assert isinstance(failure.result, Failure)
    assert type(failure.result.failure()) is example.error
    assert failure.records


@pytest.mark.parametrize("example", BY_NAME.values(), ids=BY_NAME.keys())
def test_can_be_pasted(example: Example) -> None:
    """The lines of an example work as they are shown, one after the other, and have the same results."""
    for run in run_example(example):
        steps = [each for each in (run.success, run.failure) if isinstance(each, Step)]
        namespace: dict[str, object] = {}
        for step in steps:
            exec(step.code, namespace)  # noqa: S102  # as a reader does
            assert type(namespace["result"]) is type(step.result)
            assert str(namespace["result"]) == str(step.result)


def test_exchanges_are_complete() -> None:
    """Each HTTP request has a response; the handshake of a session has none."""
    for example in EXAMPLES:
        for run in run_example(example):
            steps = [each for each in (run.success, run.failure) if isinstance(each, Step)]
            requests = [each for step in steps for each in step.records if isinstance(each, Exchange)]
            assert all((each.response is None) == each.request.url.startswith("wss:") for each in requests)


def test_same_each_time() -> None:
    """The sections contain no time, no id and no random number that differs between runs."""
    first = sections.build_sections()
    sections.build_sections.cache_clear()
    assert sections.build_sections() == first


def test_no_secrets() -> None:
    """Keys, tokens and the URLs of uploads are masked."""
    text = "".join(each.text for found in sections.build_sections().values() for each in found)
    assert set(re.findall(r"(?:x-goog-api-key|authorization): (.*)", text)) == {"***"}
    assert set(re.findall(r"upload_id=([^&\s]*)", text)) == {"***"}
    assert set(re.findall(r'"name": "auth_tokens/([^"]*)"', text)) == {"***"}


def test_operations_are_linked() -> None:
    """Each operation links to the section that shows it, and each section to its operations."""
    page = reference.link_operations(write_operations.PAGE.read_text(encoding="utf-8"))
    assert re.findall(r"^\| `\w+(?:\.\w+)*` \|", page, re.MULTILINE) == []
    assert "| [`caches.get`](reference/caches.md#wire-caches.get) |" in page
    assert "| [`generate.stream`](reference/requests.md#wire-streamed) |" in page
    for found in sections.build_sections().values():
        assert all("](../operations.md#" in each.text for each in found)


def test_sections_are_on_their_pages() -> None:
    """Each section is on the page of its builder, and an operation there links to it."""
    text = "".join(map(reference.render_page, reference.PAGES))
    assert all(text.count(each.text) == 1 for found in sections.build_sections().values() for each in found)
    assert "::: genai_fn.ops.caches.GetCache\n\n[`caches.get` on the wire](#wire-caches.get)\n" in text
