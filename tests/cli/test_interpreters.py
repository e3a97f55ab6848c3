"""Reports of retries."""

import pytest

from genai_fn.cli.interpreters import RetryReporter
from genai_fn.errors import Closed
from genai_fn.events import Retrying, Sending
from genai_fn.http import HttpRequest

Capture = pytest.CaptureFixture[str]
REQUEST = HttpRequest("POST", "http://127.0.0.1/v1")


class TestRetryReporter:
    def test_slow(self, capsys: Capture) -> None:
        """A retry is printed if the answer takes longer than two seconds with it."""
        times = iter((0.0, 10.0, 10.5, 11.5))
        report = RetryReporter(lambda: next(times))
        report(Sending(REQUEST, 1))
        report(Retrying(REQUEST, Closed("refused"), 1.0))
        assert capsys.readouterr().err == ""
        report(Sending(REQUEST, 2))
        report(Retrying(REQUEST, Closed("refused."), 1.0))
        assert capsys.readouterr().err == "retry: refused; the next attempt starts in 1.0 s\n"

    def test_each_request(self, capsys: Capture) -> None:
        """The time counts from the first attempt of the last request: a long chat has no late reports."""
        times = iter((0.0, 500.0, 501.0))
        report = RetryReporter(lambda: next(times))
        report(Sending(REQUEST, 1))
        report(Retrying(REQUEST, Closed("refused"), 0.5))
        assert capsys.readouterr().err == ""
