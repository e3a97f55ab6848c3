"""A sample of the fault matrix: every hostile server once, over all operations and interpreters in turn."""

from itertools import product
from pathlib import Path
from types import ModuleType

import httpcore
import httptools
import pytest

from tests.cases.faults import GROUPS, LIVE_GROUPS
from tests.cases.faults.strictness import OUTCOMES_WITH_HTTPTOOLS
from tests.support.faults.cancellations import cancel_at_random
from tests.support.faults.fault import OPERATIONS, Fault, LiveFault
from tests.support.faults.http_cases import check_case
from tests.support.faults.live_cases import check_live_case
from tests.support.faults.signals import CLOSE, RAISE, interrupt_at_random
from tests.support.interpreter_kinds import INTERPRETER_KINDS, InterpreterKind
from tests.support.live.websocket_libraries import use_websocket_library

FAULTS = [fault for group in GROUPS.values() for fault in group]
LIVE_FAULTS = [fault for group in LIVE_GROUPS.values() for fault in group]
ASYNC_KINDS = [kind for kind in INTERPRETER_KINDS if not kind.is_sync]


def list_sample() -> list[tuple[Fault, str, InterpreterKind]]:
    """List each fault once, with an operation and an interpreter that change from fault to fault."""
    sample = []
    for number, fault in enumerate(FAULTS):
        combinations = list(product(INTERPRETER_KINDS, fault.outcomes))
        kind, operation = combinations[number * 7 % len(combinations)]
        sample.append((fault, operation, kind))
    return sample


SAMPLE = list_sample()
LIVE_SAMPLE = [(fault, ASYNC_KINDS[number % len(ASYNC_KINDS)]) for number, fault in enumerate(LIVE_FAULTS)]


@pytest.mark.parametrize(
    ("fault", "operation", "kind"),
    SAMPLE,
    ids=[f"{fault.name}-{operation}-{kind}" for fault, operation, kind in SAMPLE],
)
def test_fault(fault: Fault, operation: str, kind: InterpreterKind, tmp_path: Path) -> None:
    """A server that misbehaves is the stated Failure after the stated attempts, and leaves nothing open."""
    check_case(fault, operation, kind, tmp_path)


@pytest.mark.parametrize(("fault", "kind"), LIVE_SAMPLE, ids=[f"{fault.name}-{kind}" for fault, kind in LIVE_SAMPLE])
def test_live_fault(fault: LiveFault, kind: InterpreterKind) -> None:
    """A WebSocket server that misbehaves ends the session with the stated Failure, and leaves nothing open."""
    check_live_case(fault, kind)


@pytest.mark.parametrize("fault", LIVE_FAULTS, ids=lambda fault: fault.name)
def test_live_fault_without_websockets(fault: LiveFault, monkeypatch: pytest.MonkeyPatch) -> None:
    """On asyncio without the package websockets, sessions end as with it."""
    use_websocket_library("wsproto", monkeypatch)
    check_live_case(fault, InterpreterKind("asyncio", httptools))


def test_faults_are_distinct() -> None:
    """There are at least 150 faults over HTTP and 80 over WebSocket; no two have the same name or do the same."""
    names = [each.name for each in (*FAULTS, *LIVE_FAULTS)]
    assert len(set(names)) == len(names)
    scripts = [(each.steps, each.on_accept, each.tls, each.plain, each.reads) for each in FAULTS]
    assert [name for n, name in enumerate(names[: len(scripts)]) if scripts[n] in scripts[:n]] == []
    live_scripts = [(each.phase, each.steps) for each in LIVE_FAULTS]
    assert len(set(live_scripts)) == len(live_scripts)
    assert set(OUTCOMES_WITH_HTTPTOOLS) <= set(names)
    assert len(scripts) >= 150
    assert len(live_scripts) >= 80


def test_sample_covers_the_matrix() -> None:
    """The sample contains every operation with every interpreter."""
    assert {(operation, repr(kind)) for _, operation, kind in SAMPLE} == set(
        product(OPERATIONS, map(repr, INTERPRETER_KINDS))
    )


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_random_cancellations(backend: str) -> None:
    """Actions that are cancelled at random leave no task, socket, file or place of the pool behind."""
    assert cancel_at_random(backend, httptools, 60)["cancelled"] >= 60


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # of a socket whose creation was interrupted; none may be left
@pytest.mark.parametrize(
    ("transport", "manner", "count"), [(httpcore, RAISE, 50), (httptools, RAISE, 50), (httptools, CLOSE, 20)]
)
def test_random_signals(transport: ModuleType, manner: str, count: int) -> None:
    """Signals at random moments leave no socket, file or place of the pool behind."""
    assert interrupt_at_random(transport, count, manner)["interrupted"] >= count
