"""State that is renewed in a forked process, so that it shares no lock and no call with its parent."""

import os
import weakref


class ForkedState:
    """Base class of objects whose state is renewed in a forked process."""

    def __init__(self) -> None:
        _ALL.add(self)

    def renew_state(self) -> None:
        """Replace the locks, which another thread of the parent may hold, and forget the calls in flight there."""
        raise NotImplementedError


_ALL: "weakref.WeakSet[ForkedState]" = weakref.WeakSet()


def _renew_all() -> None:
    for each in tuple(_ALL):
        each.renew_state()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_all)
