"""An agent that advises what to take along."""

from pydantic_ai import Agent
from pydantic_ai.models.google import GoogleModel
from pydantic_ai.providers.google import GoogleProvider


def build_agent(api_key: str, base_url: str | None = None) -> Agent[None, str]:
    """Build the agent."""
    model = GoogleModel("gemini-2.5-flash", provider=GoogleProvider(api_key=api_key, base_url=base_url))
    agent = Agent(model, instructions="Advise what to take along.")

    @agent.tool_plain
    def get_weather(city: str) -> str:
        """Return the weather of a city."""
        return "rain" if city == "Oslo" else "sun"

    return agent
