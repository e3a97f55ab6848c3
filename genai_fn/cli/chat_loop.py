"""The conversation of ``genai-fn chat``: reads messages and ``/`` commands, and prints the answers."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import typer

import genai_fn
from genai_fn.cli.inputs import read_part
from genai_fn.cli.tables import format_value
from genai_fn.cli.terminal import print_items, print_message

if TYPE_CHECKING:
    from genai_fn.errors import GenaiError
    from genai_fn.flows.turns import Chat, Turn
    from genai_fn.interpreters.http import Http
    from genai_fn.interpreters.offline.interpreter import Offline
    from genai_fn.results import Result
    from genai_fn.schema.content import Part

__all__ = ["ChatLoop", "load_chat", "save_chat"]


class ChatLoop:
    """
    A chat that reads lines from standard input until its end.

    Args:
        run: The interpreter.

        chat: The chat to continue.

        parts: Files that go with the first message.
    """

    def __init__(self, run: "Http | Offline", chat: "Chat", parts: "Iterable[Part]" = ()) -> None:
        self._run = run
        self._chat = chat
        self._parts = [*parts]
        self._is_over = False

    def run(self) -> None:
        """Read and answer lines until ``/quit``, Ctrl-D or the end of the input."""
        with suppress(ImportError):
            import_module("readline")  # gives `input` history and editing; Windows has none

        if sys.stdin.isatty():
            turns = len(self._chat.comprehensive)
            start = f"{self._chat.model}, {turns} turns" if turns else self._chat.model
            print_message("note", f"{start}; /help lists the commands, Ctrl-D ends the chat")
        while not self._is_over and (line := _read_line()) is not None:
            try:
                self._handle_line(line)
            except KeyboardInterrupt:
                print_message("note", "interrupted; the chat goes on")
            except genai_fn.GenaiError as error:
                print_message("error", str(error))

    def _handle_line(self, line: str) -> None:
        if line.startswith("/") and not line.startswith("//"):
            name, _, argument = line[1:].partition(" ")
            self._run_command(name, argument.strip())
        elif line.strip() or self._parts:
            self._send(line.removeprefix("/") if line.startswith("//") else line)

    def _send(self, message: str) -> None:
        parts: list[Any] = [*self._parts, *([message] if message.strip() else [])]
        with self._run.stream(genai_fn.chats.stream(self._chat, parts) | genai_fn.text) as turns:
            print_items(self._iterate_texts(turns))
        self._parts = []

    def _iterate_texts(self, turns: "Iterable[Result[Turn[str], GenaiError]]") -> "Iterator[Result[str, GenaiError]]":
        """Keep the chat of each turn, so that an interrupted answer is part of the chat, and yield the texts."""
        for result in turns:
            if isinstance(result, genai_fn.Success):
                self._chat = result.unwrap().chat
            yield result.map(lambda turn: turn.answer)

    def _run_command(self, name: str, argument: str) -> None:
        command = self._COMMANDS.get(name)
        if command is None:
            print_message("error", f"no command /{name}; /help lists them, and // starts a message with a slash")
            return
        try:
            command(self, argument)
        except OSError as error:
            print_message("error", f"{error.filename or argument}: {error.strerror or error}")
        except typer.BadParameter as error:
            print_message("error", error.message)

    def _show_help(self, argument: str) -> None:
        """List the commands."""
        for name, command in self._COMMANDS.items():
            typer.echo(f"/{name:<8} {(command.__doc__ or '').strip().rstrip('.')}")
        typer.echo("//…       Send a message that starts with a slash")

    def _save(self, argument: str) -> None:
        """FILE: write the chat as JSON."""
        save_chat(self._chat, _parse_path(argument, "/save FILE"))
        print_message("note", f"saved {len(self._chat.comprehensive)} turns to {argument}")

    def _load(self, argument: str) -> None:
        """FILE: continue a saved chat."""
        self._chat = load_chat(_parse_path(argument, "/load FILE"))
        print_message("note", f"{self._chat.model}, {len(self._chat.comprehensive)} turns")

    def _set_model(self, argument: str) -> None:
        """NAME: continue with another model; alone, show the model."""
        if argument:
            self._restart(argument, self._chat.config)
        print_message("note", f"the model is {self._chat.model}")

    def _set_system(self, argument: str) -> None:
        """TEXT: set the system instruction; alone, remove it."""
        from msgspec.structs import replace  # noqa: PLC0415  # only this command needs it

        from genai_fn.schema.convert import as_struct  # noqa: PLC0415  # likewise
        from genai_fn.schema.generation import GenerateContentConfig  # noqa: PLC0415  # likewise

        new = as_struct(GenerateContentConfig, {"system_instruction": argument} if argument else None)
        self._restart(self._chat.model, replace(self._chat.config, system_instruction=new.system_instruction))
        print_message("note", "the system instruction is set" if argument else "there is no system instruction")

    def _restart(self, model: str, config: Any) -> None:
        self._chat = genai_fn.chats.start(model, config, history=self._chat.comprehensive)

    def _attach(self, argument: str) -> None:
        """FILE: attach a file to the next message."""
        self._parts.append(read_part(_parse_path(argument, "/file FILE")))
        print_message("note", f"the next message has {argument}")

    def _quit(self, argument: str) -> None:
        """End the chat."""
        self._is_over = True

    _COMMANDS: ClassVar[Mapping[str, Callable[[Any, str], None]]] = {
        "save": _save,
        "load": _load,
        "model": _set_model,
        "system": _set_system,
        "file": _attach,
        "help": _show_help,
        "quit": _quit,
    }


def save_chat(chat: "Chat", path: Path) -> None:
    """
    Write a chat as JSON: the arguments of ``chats.start``, which continues it.

    The file is replaced as a whole.

    Raises:
        OSError: If it cannot be written.
    """
    saved = {"model": chat.model, "config": chat.config, "history": genai_fn.chats.history(chat)}
    draft = path.parent / f".{path.name}.part"
    try:
        draft.write_text(f"{format_value(saved)}\n", encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from None


def load_chat(path: Path) -> "Chat":
    """
    Read a chat that `save_chat` wrote.

    Raises:
        OSError: If the file cannot be read.

        typer.BadParameter: If it is not a saved chat.
    """
    from genai_fn import codec  # noqa: PLC0415  # only saved chats need it

    try:
        saved = codec.decode(path.read_bytes(), dict[str, Any])
        return genai_fn.chats.start(**saved)
    except (ValueError, TypeError, genai_fn.InvalidRequest) as error:  # msgspec's own are ValueErrors
        raise typer.BadParameter(f"{path} is not a saved chat: {error}") from None


def _parse_path(argument: str, usage: str) -> Path:
    """Return the path that is the argument of a command, in which ``~`` is the home directory."""
    if not argument or "\0" in argument:
        raise typer.BadParameter(f"write {usage}")
    try:
        return Path(argument).expanduser()
    except RuntimeError as error:  # there is no user of that name
        raise typer.BadParameter(f"{argument}: {error}") from None


def _read_line() -> str | None:
    """Read a line; None at the end of the input. Ctrl-C discards the line."""
    prompt = "> " if sys.stdin.isatty() else ""
    while True:
        try:
            return input(prompt)
        except KeyboardInterrupt:
            sys.stdout.write("\n")
        except EOFError:
            if prompt:
                sys.stdout.write("\n")
            return None
