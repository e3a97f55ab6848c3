"""`defer_imports`: names that a package loads at their first use; `pause_collection`, while modules are loaded."""

import gc
import os
import threading
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import pytest

import genai_fn
from genai_fn.lazy_names import defer_imports, pause_collection


def build_namespace(loader: Any) -> dict[str, Any]:
    """Build the globals of the package, as another loader loads it."""
    spec = ModuleSpec("genai_fn", loader, origin=genai_fn.__file__, is_package=True)
    spec.submodule_search_locations = [str(Path(str(genai_fn.__file__)).parent)]
    return {"__name__": "genai_fn", "__spec__": spec, "TYPE_CHECKING": False, "defer_imports": defer_imports}


def test_loader_without_code() -> None:
    """A loader without ``get_code``, as pytest's for packages with plugins, does not matter: the source is compiled."""
    load_name, list_names = defer_imports(build_namespace(object()))
    assert load_name("__all__") == genai_fn.__all__
    assert load_name("generate") is genai_fn.generate
    assert "generate" in list_names()


def test_without_guesses() -> None:
    """Without a module of guesses, every unknown name raises AttributeError."""
    load_name, _ = defer_imports(build_namespace(object()))
    with pytest.raises(AttributeError, match="no attribute 'Client'"):
        load_name("Client")


@pytest.fixture
def restored_collection() -> Iterator[None]:
    """Collection as it was, after a test that disables it, or changes what is frozen: the suite freezes its tests."""
    has_frozen = gc.get_freeze_count() > 0
    yield
    gc.enable()
    gc.freeze() if has_frozen else gc.unfreeze()


@pytest.mark.usefixtures("restored_collection")
def test_collection_pauses() -> None:
    """Collection is disabled in the block, and enabled after it; what the block created is in the oldest generation."""
    gc.unfreeze()
    with pause_collection("not.loaded"):
        assert not gc.isenabled()
        created: list[object] = [None]
    assert gc.isenabled()
    assert any(each is created for each in gc.get_objects(generation=2))


def test_collection_continues_after_an_exception() -> None:
    """An exception in the block ends the pause."""
    with pytest.raises(KeyboardInterrupt), pause_collection("not.loaded"):
        raise KeyboardInterrupt
    assert gc.isenabled()


def test_nested_pauses() -> None:
    """The outer of two pauses ends them."""
    with pause_collection("not.loaded"):
        with pause_collection("not.loaded"):
            pass
        assert not gc.isenabled()
    assert gc.isenabled()


@pytest.mark.usefixtures("restored_collection")
def test_collection_of_the_program_stays_disabled() -> None:
    """Where the program has disabled collection, it stays disabled."""
    gc.disable()
    with pause_collection("not.loaded"):
        pass
    assert not gc.isenabled()


def test_loaded_module() -> None:
    """Nothing is paused for a module that is loaded."""
    with pause_collection(__name__):
        assert gc.isenabled()


@pytest.mark.usefixtures("restored_collection")
def test_frozen_objects_stay_frozen() -> None:
    """What the program has frozen is not unfrozen."""
    gc.freeze()
    frozen = gc.get_freeze_count()
    with pause_collection("not.loaded"):
        pass
    assert gc.get_freeze_count() == frozen


@contextmanager
def pause_in_a_thread() -> Generator[None]:
    """Pause collection in another thread, until the end of the block."""
    has_begun, may_end = threading.Event(), threading.Event()

    def pause() -> None:
        with pause_collection("not.loaded"):
            has_begun.set()
            may_end.wait(60)

    thread = threading.Thread(target=pause)
    thread.start()
    try:
        assert has_begun.wait(60)
        yield
    finally:
        may_end.set()
        thread.join()


def test_pauses_of_several_threads() -> None:
    """A pause that begins within that of another thread, and ends after it, leaves collection enabled."""
    with ExitStack() as stack:
        with pause_collection("not.loaded"):
            stack.enter_context(pause_in_a_thread())
        assert gc.isenabled()
    assert gc.isenabled()


def test_pause_within_that_of_another_thread() -> None:
    """A pause that ends within that of another thread leaves collection to it."""
    with pause_in_a_thread():
        with pause_collection("not.loaded"):
            pass
        assert not gc.isenabled()
    assert gc.isenabled()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="only POSIX forks")
def test_collection_continues_in_a_child_process() -> None:
    """A fork during the pause of another thread leaves collection enabled in the child process."""
    with pause_in_a_thread():
        child = os.fork()
        if not child:
            os._exit(0 if gc.isenabled() else 1)
    assert os.waitpid(child, 0)[1] == 0
