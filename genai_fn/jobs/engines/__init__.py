"""
Engines that embed a column of a table on several workers: Ray Data and Daft.

A `ColumnEmbedding` is a value that travels to the workers; each makes an interpreter of its own there, and embeds one
batch after another. The engine reads, distributes and writes the rows. What `EmbeddingJob` adds on one machine, such as
resuming and one request for equal texts of all rows, is left to it.

- ``column_embedding``: `ColumnEmbedding`: what all workers do.
- ``column_embedder``: what one worker does: vectors and reasons for a batch of texts.
- ``load_engine``: imports the package of an engine at its first use.
- ``ray``: an actor class for ``map_batches``, and `embed_dataset`. Needs the extra ``ray``.
- ``daft``: a batch UDF, and `embed_frame`. Needs the extra ``daft``.
"""

from typing import TYPE_CHECKING

from genai_fn.lazy_names import defer_imports

if TYPE_CHECKING:
    from genai_fn.jobs.engines.column_embedding import ColumnEmbedding as ColumnEmbedding, split_limit as split_limit
    from genai_fn.jobs.engines.daft import embed_frame as embed_frame
    from genai_fn.jobs.engines.ray import RayEmbedder as RayEmbedder, embed_dataset as embed_dataset
else:
    __getattr__, __dir__ = defer_imports(globals())
