"""Writes the vectors of all shards as one ``.npy``, which numpy can map into memory."""

from collections.abc import Sequence
from pathlib import Path

from genai_fn.jobs.arrow import load_package
from genai_fn.jobs.output.disk import NewFile
from genai_fn.jobs.output.shards import iter_vectors

__all__ = ["write_vector_array"]


def write_vector_array(file: NewFile, shards: Sequence[Path], shape: tuple[int, int]) -> None:
    """Write an array of shape (rows, dimensions) and dtype float32, in the order of the shards."""
    formats = load_package("numpy.lib.format")
    formats.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})
    for shard in shards:
        for floats in iter_vectors(shard):
            file.write(floats.to_numpy().data)
