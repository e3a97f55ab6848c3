"""Converts exceptions of the network and of HTTP into `EffectFailed`."""

from genai_fn.effects import EffectFailed
from genai_fn.errors import CertificateError, Closed, ConnectError, Disconnected, InvalidRequest, TimedOut, TimeoutPhase
from genai_fn.interpreters.net.connect.connection import (
    ConnectionSetupError,
    UntrustedCertificateError,
    describe_error,
)
from genai_fn.interpreters.net.http1.requests import UnsendableRequestError
from genai_fn.interpreters.net.socket import NonBlockingSocket, SocketClosedError


def build_connect_failure(error: Exception) -> EffectFailed:
    """Build the failure of an attempt to open a connection."""
    if isinstance(error, UntrustedCertificateError):
        return EffectFailed(CertificateError(error.doing, error.reason))
    if isinstance(error, ConnectionSetupError):
        return EffectFailed(ConnectError(error.doing, error.reason))
    return EffectFailed(ConnectError("connecting", describe_error(error)))


def build_transfer_failure(error: Exception, doing: str, sock: NonBlockingSocket, *, reused: bool) -> EffectFailed:
    """
    Build the failure of sending a request or receiving its response.

    `doing` describes the step for the error message. The socket records whether bytes were sent and received:
    `was_reused` is True only if the connection was reused and no byte of the response had arrived.
    """
    if isinstance(error, SocketClosedError):
        return EffectFailed(Closed("the response was closed", sock.has_sent))
    if isinstance(error, UnsendableRequestError) or type(error).__name__ == "LocalProtocolError":
        return EffectFailed(
            InvalidRequest("request", "***", f"what HTTP can carry ({describe_error(error)})")
        )  # a retry would not help
    return EffectFailed(Disconnected(doing, describe_error(error), sock.has_sent), reused and not sock.has_received)


def explain_closed(failed: EffectFailed) -> EffectFailed:
    """Build the failure of sending a request that closing the pool, or its run, has ended."""
    sent = getattr(failed.error, "sent", None)  # of errors of the network
    return failed if sent is None else EffectFailed(Closed(sent=sent))


def build_timeout_failure(phase: TimeoutPhase, doing: str, sock: NonBlockingSocket | None = None) -> EffectFailed:
    """Build the failure of a phase that exceeded its timeout. The socket records whether bytes were sent."""
    return EffectFailed(TimedOut(phase, doing, sock.has_sent if sock else False))
