"""How the captured calls abbreviate addresses and headers, by backend."""

from collections.abc import Mapping

__all__ = ["HEADERS", "PREFIXES", "SESSION", "SOCKETS"]

PREFIXES: Mapping[str, str] = {
    "gemini": "https://generativelanguage.googleapis.com/v1beta/",
    "vertex": "https://us-central1-aiplatform.googleapis.com/v1beta1/projects/p/locations/us-central1/",
}
"""What is left out at the beginning of URLs; other URLs are complete."""

SOCKETS: Mapping[str, str] = {
    "gemini": "wss://generativelanguage.googleapis.com/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent",
    "vertex": "wss://us-central1-aiplatform.googleapis.com/ws/google.cloud.aiplatform.v1beta1.LlmBidiService/BidiGenerateContent",
}
SESSION = "session"
"""Stands for the address of a session."""

HEADERS: Mapping[str, Mapping[str, str]] = {
    "gemini": {"x-goog-api-key": "test-key"},
    "vertex": {"authorization": "Bearer test-token"},
}
"""What is left out of headers."""
