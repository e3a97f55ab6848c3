"""
Batches.

- `gemini_batches`: batches of the Developer API.
- `gemini_operations`: their stored form, and the operations that the API returns for them.
- `vertex_batches`: batch prediction jobs of Vertex AI.
"""
