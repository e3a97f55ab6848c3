"""
The commands of ``genai-fn``, a module each.

- ``generate``, ``chat``, ``live``, ``images``: send prompts to a model.
- ``tokens``, ``explain``: count the tokens of a prompt, and show its request.
- ``embed``: runs an embedding job.
- ``models``, ``files``, ``caches``, ``batches``, ``stores``: list, read, create and delete resources.
- ``emulate``: serves the emulator.
"""
