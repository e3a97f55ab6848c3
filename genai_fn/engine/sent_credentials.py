"""The credentials that a flow has sent: the errors that the flow itself builds from answers may repeat them."""

from typing import Any, TypeVar, cast

from msgspec import Struct
from msgspec.structs import replace
from returns.result import Failure

from genai_fn.effects import Effects, Notify, Race, RunAll, SendRequest, Spawn
from genai_fn.engine.stepper import intercept_effects, wrap_programs
from genai_fn.errors import GenaiError
from genai_fn.http import HttpRequest, is_credential
from genai_fn.request import Request
from genai_fn.wire.masking import Masker
from genai_fn.wire.secret_values import find_secrets, list_secret_carriers

T = TypeVar("T")


class SentCredentials:
    """
    Collects the credentials in the requests of a flow, and masks them in its failures and events.

    A request handler masks the failures of its requests. A flow builds further ones from answers, such as the
    `OperationFailed` of a job whose error repeats the key; and it sends requests to addresses that a server has chosen,
    without the credential that these addresses may repeat.
    """

    __slots__ = ("_carriers", "_headers", "_masker")

    def __init__(self) -> None:
        self._headers: set[tuple[str, str]] = set()
        self._carriers: dict[int, Any] = {}
        self._masker: tuple[tuple[int, int], Masker] | None = None
        """The last masker, and how many headers and carriers it was built from: if these differ, it is outdated."""

    def __repr__(self) -> str:
        return "SentCredentials(***)"

    def watch_request(self, request: Request[Any], effects: Effects[T]) -> Effects[T]:
        """Return the program that handles a request, with masked events; the credentials that it sends are added."""
        self._add_carriers(request.operation)
        return self._watch_program(effects)

    def _watch_program(self, effects: Effects[T]) -> Effects[T]:
        return intercept_effects(effects, self._watch_effect)

    def _watch_effect(self, effect: Any) -> Effects[Any]:
        if isinstance(effect, SendRequest):
            self._add_credentials(effect.request)
        elif isinstance(effect, Notify):
            return (yield Notify(self._mask_event(effect.event)))
        elif isinstance(effect, RunAll | Race | Spawn):  # of middleware that runs a request several times
            return (yield wrap_programs(effect, self._watch_program))
        return (yield effect)

    def mask_error(self, error: GenaiError) -> GenaiError:
        """Mask the credentials in an error; it stays the same object if it contains none."""
        return self._get_masker().mask_error(error)

    def mask_failure(self, value: Any) -> Any:
        """Mask the credentials in a failure; any other value is returned unchanged."""
        error: Any = cast("Any", value).failure() if isinstance(value, Failure) else None
        if not isinstance(error, GenaiError):
            return cast("Any", value)
        masked = self.mask_error(error)
        return cast("Any", value) if masked is error else Failure(masked)

    def _mask_event(self, event: Any) -> Any:
        """Mask the URL and the error of an event: the URL may be one that a server has chosen."""
        changes: dict[str, Any] = {}
        request, error = getattr(event, "request", None), getattr(event, "error", None)
        if isinstance(request, HttpRequest):
            changes["request"] = replace(request, url=self._get_masker().mask_text(request.url))
        if isinstance(error, GenaiError):
            changes["error"] = self.mask_error(error)
        return replace(event, **changes) if changes and isinstance(event, Struct) else event

    def _add_credentials(self, request: HttpRequest) -> None:
        for pair in request.headers:
            if is_credential(pair[0]) and pair not in self._headers:
                self._headers.add(pair)

    def _add_carriers(self, operation: Any) -> None:
        """Keep the fields that may contain secrets; they are searched only if something is masked."""
        for name in list_secret_carriers(operation.__class__):
            carrier = getattr(operation, name)
            if carrier is not None and id(carrier) not in self._carriers:
                self._carriers[id(carrier)] = carrier

    def _get_masker(self) -> Masker:
        built, counts = self._masker, (len(self._headers), len(self._carriers))
        if built is None or built[0] != counts:
            masker = Masker(tuple(self._headers), find_secrets(tuple(self._carriers.values())))
            self._masker = built = (counts, masker)
        return built[1]
