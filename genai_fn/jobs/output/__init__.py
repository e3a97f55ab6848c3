"""
The output folder of a job.

- ``folder``: its layout and its lock.
- ``manifest``, ``settings``: what a folder contains, and which job it belongs to.
- ``journal``: keeps the vectors of finished batches until their shard is written.
- ``batch_states``: what is known of the batch jobs of the service that are not finished.
- ``shards``, ``vector_array``: writes shards, and the optional ``.npy``.
- ``dead_letters``: the rows that have no vector, with the reason.
- ``disk``: changes to files, and files that get their names only when they are complete.
"""
