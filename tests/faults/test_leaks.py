"""A case that fails cleans up after itself, so that the next cases pass."""

import socket

import pytest

from tests.support.cancellation.cancel_points import list_client_sockets
from tests.support.faults.leaks import check_nothing_stays
from tests.support.loopback import Loopback
from tests.support.loopback_replies import OK


def test_failed_case() -> None:
    """What a failed case has left open is closed with it, even while its exception is kept."""

    def fail() -> None:
        left = socket.create_connection(("127.0.0.1", server.port))
        raise LookupError(left.fileno())

    before = list_client_sockets()
    with Loopback(OK) as server:
        with pytest.raises(LookupError) as kept, check_nothing_stays(server.port):
            fail()
        server.wait_until_idle(0)
        assert list_client_sockets(server.port) - before == set()
        with check_nothing_stays(server.port):
            pass
    assert kept.value.args


def test_socket_of_another_case() -> None:
    """A socket that an earlier case has left may be closed meanwhile; one that the case leaves is found."""
    with Loopback(OK) as server:
        earlier = socket.create_connection(("127.0.0.1", server.port))
        with check_nothing_stays(server.port):
            earlier.close()
        with pytest.raises(AssertionError, match="a socket is left"), check_nothing_stays(server.port):
            left = socket.create_connection(("127.0.0.1", server.port))
        left.close()
