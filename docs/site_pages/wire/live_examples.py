"""Examples of live sessions and their messages."""

from docs.site_pages.wire.examples import LiveExample
from genai_fn import LiveClosed, Unsupported
from genai_fn.errors import Closed, InvalidRequest

__all__ = ["EXAMPLES"]

_MODEL = '"gemini-live-2.5-flash-preview"'
_CONNECT = f'live.connect(\n    {_MODEL},\n    {{"response_modalities": ["TEXT"]}},\n)'
_READ_TURN = "return [item async for item in session.turn()][-1]"
_MUSIC = 'live.music.connect("lyria-realtime-exp")'
_SEND_PROMPTS = 'await session.send(live.music.weighted_prompts([{"text": "piano", "weight": 1}]))'

EXAMPLES = (
    LiveExample(
        "live.connect",
        _CONNECT,
        f'await session.send(live.client_content("Why is the sky blue?"))\n{_READ_TURN}',
        _READ_TURN,
        LiveClosed,
        failing_connect=f'live.connect({_MODEL}, {{"response_modalities": ["TEXT", "AUDIO"]}})',
    ),
    LiveExample(
        "live.client_content",
        _CONNECT,
        f'await session.send(live.client_content("Why is the sky blue?"))\n{_READ_TURN}',
        f'await session.send(live.client_content({{"role": "system", "parts": [{{"text": "Hi"}}]}}))\n{_READ_TURN}',
        LiveClosed,
    ),
    LiveExample(
        "live.realtime_input",
        _CONNECT,
        f'await session.send(live.realtime_input(text="Why is the sky blue?"))\n{_READ_TURN}',
        f"await session.send(live.realtime_input(activity_start={{}}))\n{_READ_TURN}",
        LiveClosed,
    ),
    LiveExample(
        "live.tool_response",
        f'{_CONNECT} | with_tools(\n    {{"function_declarations": [{{"name": "weather"}}]}}\n)',
        f"""\
await session.send(live.client_content("Call weather, please."))
[call] = (await anext(session)).unwrap().tool_call.function_calls
await session.send(live.tool_response({{"id": call.id, "name": "weather", "response": {{"result": "sunny"}}}}))
{_READ_TURN}""",
        'return await session.send(live.tool_response({"name": "weather", "response": {"result": "sunny"}}))',
        InvalidRequest,
    ),
    LiveExample(
        "live.context_update",
        _CONNECT,
        'return await session.send(live.context_update("Be brief.", tools=[]))',
        'return await session.send(live.context_update(tools=[{"enterprise_web_search": {}}]))',
        Unsupported,
    ),
    LiveExample(
        "live.music.connect",
        _MUSIC,
        f"{_SEND_PROMPTS}\nawait session.send(live.music.play())\nreturn await anext(session)",
        "await session.send(live.music.play())\nreturn await anext(session)",
        LiveClosed,
    ),
    LiveExample(
        "live.music.weighted_prompts",
        _MUSIC,
        f"return {_SEND_PROMPTS}",
        f"{_SEND_PROMPTS.replace('1}', '0}')}\nreturn await anext(session)",
        LiveClosed,
    ),
    LiveExample(
        "live.music.generation_config",
        _MUSIC,
        "return await session.send(live.music.generation_config(bpm=90))",
        "await session.send(live.music.generation_config(bpm=9))\nreturn await anext(session)",
        LiveClosed,
    ),
    LiveExample(
        "live.music.play",
        _MUSIC,
        f"{_SEND_PROMPTS}\nawait session.send(live.music.play())\nreturn await anext(session)",
        "await session.send(live.music.play())\nreturn await anext(session)",
        LiveClosed,
    ),
    *(
        LiveExample(
            f"live.music.{name}",
            _MUSIC,
            f"return await session.send(live.music.{name}())",
            f"await session.close()\nreturn await session.send(live.music.{name}())",
            Closed,
        )
        for name in ("pause", "stop", "reset_context")
    ),
)
