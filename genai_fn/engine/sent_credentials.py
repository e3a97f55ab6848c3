"""The credentials that a flow has sent: the errors that the flow itself builds from answers may repeat them."""

from typing import Any, TypeVar

from returns.result import Failure

from genai_fn.effects import Effects, SendRequest
from genai_fn.engine.stepper import DONE, Stepper
from genai_fn.errors import GenaiError
from genai_fn.http import Headers, is_credential
from genai_fn.wire.masking import Masker

__all__ = ["SentCredentials"]

T = TypeVar("T")


class SentCredentials:
    """
    Collects the credentials in the requests of a flow, and masks them in its failures.

    A request handler masks the failures of its requests. A flow builds further ones from answers, such as the
    `OperationFailed` of a job whose error repeats the key.
    """

    __slots__ = ("_headers",)

    def __init__(self) -> None:
        self._headers: set[tuple[str, str]] = set()

    def __repr__(self) -> str:
        return "SentCredentials(***)"

    def watch_requests(self, effects: Effects[T]) -> Effects[T]:
        """Return the same program; the credentials in the requests that it sends are added."""
        stepper = Stepper(effects)
        while (effect := stepper.next()) is not DONE:
            if isinstance(effect, SendRequest):
                self._add_credentials(effect.request.headers)
            try:
                stepper.send((yield effect))
            except Exception as error:  # noqa: BLE001  # the program may handle it
                stepper.throw(error)
        return stepper.value

    def mask_error(self, error: GenaiError) -> GenaiError:
        """Mask the credentials in an error; it stays the same object if it contains none."""
        return Masker(tuple(self._headers)).mask_error(error) if self._headers else error

    def mask_failure(self, value: Any) -> Any:
        """Mask the credentials in a failure; any other value is returned unchanged."""
        if not isinstance(value, Failure):
            return value
        failure: Failure[Any] = value
        error = failure.failure()
        masked = self.mask_error(error) if isinstance(error, GenaiError) else error
        return value if masked is error else Failure(masked)

    def _add_credentials(self, headers: Headers) -> None:
        self._headers.update(pair for pair in headers if is_credential(pair[0]))
