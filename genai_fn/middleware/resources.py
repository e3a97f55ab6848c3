"""The base class of what a request holds while it runs, such as its place in a queue, until its run ends."""


class Resource:
    """
    A resource of a run (`OpenResource`) whose `close` does not wait, and may be called from any thread, several times.
    """

    __slots__ = ()

    def close(self) -> None:
        """Give back what is held."""
        raise NotImplementedError

    def abort(self) -> None:
        """Close it; `aclose` follows."""
        self.close()

    async def aclose(self) -> None:
        """Close it, without a checkpoint."""
        self.close()
