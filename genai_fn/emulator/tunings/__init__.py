"""
Tunings.

- `gemini_tunings`: tuned models of the Developer API.
- `vertex_tunings`: tuning jobs of Vertex AI.
- `rewards`: validates rewards of reinforcement tuning.
"""
