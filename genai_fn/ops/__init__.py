"""The operations of the API, one module a resource: what is sent to Gemini, what to Vertex, and what comes back."""
