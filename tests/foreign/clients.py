"""The clients: the packages of each, and the program that uses them."""

from dataclasses import dataclass
from pathlib import Path

PROGRAMS = Path(__file__).with_name("programs")
AGENTS = PROGRAMS / "agents"
"""The agents of ``docs/emulator-scripts.md``, each with its test and the script of both."""
_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Client:
    """A client and its program. The first of its packages is the one whose version is shown."""

    name: str
    packages: tuple[str, ...]
    program: str
    tls: bool = False
    """Whether the emulator has a certificate, which google-genai's Live requires."""

    @property
    def is_node(self) -> bool:
        """Whether the program is JavaScript."""
        return self.program.endswith(".mjs")


CLIENTS = (
    Client("google-genai-1.51.0", ("google-genai==1.51.0", "pydantic"), "use_google_genai.py", tls=True),
    Client("google-genai-3.6.1", ("google-genai==3.6.1", "pydantic"), "use_google_genai.py", tls=True),
    Client("openai", ("openai", "pydantic"), "use_openai.py"),
    Client("pydantic-ai", ("pydantic-ai-slim[google,openai]", "pytest", f"{_ROOT}[emulator]"), "use_pydantic_ai.py"),
    Client("langchain-google-genai", ("langchain-google-genai",), "use_langchain.py"),
    Client("instructor", ("instructor", "google-genai", "jsonref"), "use_instructor.py"),
    Client("litellm", ("litellm",), "use_litellm.py"),
    Client("google-genai-js", ("@google/genai",), "use_google_genai.mjs"),
    Client("ai-sdk-google", ("@ai-sdk/google", "ai", "zod"), "use_ai_sdk.mjs"),
)
