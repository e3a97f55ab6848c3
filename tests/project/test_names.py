"""Rules for names, folders and the docstrings of the public API, read off the source."""

import ast
import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import genai_fn
from genai_fn import middleware, testing
from tests.support.check_each import check_each
from tests.support.source_files import parse_file, read_source_file

PACKAGE = Path(genai_fn.__file__).parent
PATHS = sorted(PACKAGE.rglob("*.py"))
FOLDERS = sorted({path.parent for path in PATHS})
TESTS = Path(__file__).parents[1]

MAX_MODULES = 16
"""How many modules a folder may have, its ``__init__`` not counted."""

BIG_FOLDERS = {"schema": "one module for each domain of the API"}
"""The folders with more modules, each with the reason."""

IRREGULAR_PARTICIPLES = re.compile(
    "become|begun|bent|bitten|blown|born|bound|bought|broken|brought|built|burnt|caught|chosen|dealt|done|"
    "drawn|driven|eaten|fallen|felt|flown|forgotten|fought|found|frozen|given|gone|got|gotten|grown|had|"
    "heard|held|hidden|kept|known|laid|learnt|led|left|lent|lost|made|meant|met|overheard|paid|proven|"
    "risen|rung|said|seen|sent|shaken|shown|shrunk|slept|sold|sought|spent|spoken|spun|stolen|stood|"
    "struck|sung|sunk|sworn|swum|taken|taught|thought|thrown|told|torn|understood|withdrawn|woken|won|"
    "worn|wound|written"
)
VERBS_IN_ED = {"embed", "exceed", "feed", "heed", "need", "proceed", "seed", "shed", "speed", "succeed", "weed"}
"""Words that end as a participle does, and are the base form of a verb."""

EXEMPT_FOLDERS = {"modifiers"}
"""Modifiers are adjectives of what they return: ``streamed``, ``joined``."""

NO_MAP = {"schema": "its imports name each module"}
"""The folders whose docstring does not list their modules, each with the reason."""

PARTICIPLES = {
    "interpreters.executors.threads:cancelled": "as in concurrent.futures.Future",
    "interpreters.executors.threads:done": "as in concurrent.futures.Future",
}
"""Functions that are named by a participle all the same, as ``module:name``, each with the reason."""

TEST_PARTICIPLES = dict.fromkeys(
    ("schema/test_function_declarations.py:_unannotated",),
    "a function to declare, named for what is special about it",
)
"""The same for functions of the tests, as ``path:name``."""

NOT_CONSTRUCTED = {"Session"}
"""Public classes that users do not construct: their docstrings have no ``Args``."""

RAISES_NOTHING = {
    **dict.fromkeys(("ask", "attempt", "emit", "sleep"), "builds a command, which is checked when it is performed"),
    **dict.fromkeys(("each", "flow", "stream"), "wraps a function, whose exceptions are its own"),
    **dict.fromkeys(("arun", "backend_from_env", "decode", "encode"), "returns failures"),
    **dict.fromkeys(("get_usage", "next_page", "ok"), "returns None where there is nothing"),
    "chats.history": "takes a Chat, which is checked already",
}
"""Public functions with parameters that raise nothing at once, as ``place.name``, each with the reason."""


def get_dotted_name(path: Path) -> str:
    """Return the dotted name of a module or folder below the package, "" for the package itself."""
    return ".".join(path.relative_to(PACKAGE).parts).removesuffix(".py").removesuffix("__init__").rstrip(".")


# Names


def test_class_names_are_unique() -> None:
    """Each public class name occurs once in the package."""
    places: dict[str, list[str]] = {}
    for path in PATHS:
        for node in parse_file(path).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places.setdefault(node.name, []).append(get_dotted_name(path))
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


def is_participle(name: str) -> bool:
    """Return whether a function's name is one word, and that a past participle."""
    word = name.strip("_")
    is_regular = word.isalpha() and word.endswith("ed") and word not in VERBS_IN_ED
    return is_regular or IRREGULAR_PARTICIPLES.fullmatch(word) is not None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        *[(each, True) for each in ("told", "_asked", "settled", "_begun", "written", "named", "sent", "_kept")],
        *[(each, False) for each in ("tell", "read", "open", "listen", "_feed", "embed", "is_closed", "red_line", "x")],
    ],
)
def test_is_participle(name: str, expected: bool) -> None:
    """A participle is found by its ending or in the list; verbs and longer names are none."""
    assert is_participle(name) == expected


def list_participles(path: Path) -> Iterator[str]:
    """List the functions, methods and inner functions of a module that are named by a participle, but no properties."""
    functions = read_source_file(path).functions
    return (each.name for each in functions if is_participle(each.name) and not each.is_property)


def test_no_bare_participles() -> None:
    """A function is named by a verb and a noun, not by a past participle alone; at most 20 have a reason."""
    public = set(genai_fn.__all__) | set(testing.__all__) | set(middleware.__all__)
    found = {
        f"{get_dotted_name(path)}:{name}"
        for path in PATHS
        if get_dotted_name(path).split(".")[0] not in EXEMPT_FOLDERS
        for name in list_participles(path)
        if name not in public
    }
    assert found == PARTICIPLES.keys()
    assert len(PARTICIPLES) <= 20


def test_no_bare_participles_in_tests() -> None:
    """Fixtures, helpers and inner functions of the tests are named by a verb and a noun, too."""
    found = {
        f"{path.relative_to(TESTS).as_posix()}:{name}"
        for path in TESTS.rglob("*.py")
        for name in list_participles(path)
    }
    assert found == TEST_PARTICIPLES.keys()
    assert len(TEST_PARTICIPLES) <= 10


# Folders


@pytest.mark.parametrize("folder", FOLDERS, ids=get_dotted_name)
def test_folder_sizes(folder: Path) -> None:
    """A folder has at most 16 modules, except those with a reason."""
    modules = [path for path in folder.glob("*.py") if path.name not in ("__init__.py", "__main__.py")]
    assert (len(modules) > MAX_MODULES) == (get_dotted_name(folder) in BIG_FOLDERS), f"{len(modules)} modules"


@pytest.mark.parametrize(
    "folder", [each for each in FOLDERS if get_dotted_name(each) not in {"", *NO_MAP}], ids=get_dotted_name
)
def test_folders_have_maps(folder: Path) -> None:
    """The docstring of a folder's ``__init__`` mentions each of its modules and folders."""
    text = ast.get_docstring(parse_file(folder / "__init__.py")) or ""
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__", "__main__"}
    folders = {path.parent.name for path in folder.glob("*/__init__.py")}
    assert sorted(each for each in modules | folders if not re.search(rf"\b{each}\b", text)) == []


# Docstrings of the public API


def list_public() -> dict[str, Any]:
    """List what users call: functions and classes of the package, of its resources, and of ``genai_fn.testing``."""
    found: dict[str, Any] = {}
    pending: list[tuple[str, Any]] = [("", genai_fn), ("testing.", testing)]
    for prefix, module in pending:
        for name in module.__all__:
            value = getattr(module, name)
            if isinstance(value, ModuleType):
                if name != "schema":  # types, which are documented field by field
                    pending.append((f"{prefix}{name}.", value))
            elif inspect.isfunction(value) or (
                isinstance(value, type)
                and "__init__" in vars(value)
                and not issubclass(value, BaseException)
                and name not in NOT_CONSTRUCTED
                and not getattr(value, "_is_protocol", False)
            ):
                found[f"{prefix}{name}"] = value
    return {name: value for name, value in found.items() if str(value.__module__).startswith("genai_fn")}


PUBLIC = list_public()


def list_parameters(value: Callable[..., Any]) -> list[str]:
    """List the parameters of a function, or of a class's constructor."""
    signature = inspect.signature(value.__init__ if isinstance(value, type) else value)  # type: ignore[misc]  # of the class itself
    return [each for each in signature.parameters if each != "self" and not each.startswith("_")]


@check_each([name for name, value in PUBLIC.items() if list_parameters(value)])
def test_args_are_documented(name: str) -> None:
    """The docstring of a public function or class with parameters has a section ``Args`` that names each of them."""
    text = inspect.cleandoc(PUBLIC[name].__doc__ or "")
    section = re.search(r"^Args:\n((?:[ ]+.*\n|\n)+)", text + "\n", re.MULTILINE)
    assert section, f"{name} has no Args"
    listed = set(re.findall(r"^ {4}\**(\w+)\b.*?:", section[1], re.MULTILINE))
    joint = set(re.findall(r"^ {4}([\w*, ]+):", section[1], re.MULTILINE))
    listed |= {each.strip(" *") for line in joint for each in line.split(",")}
    assert sorted(set(list_parameters(PUBLIC[name])) - listed) == []


@check_each([name for name, value in PUBLIC.items() if inspect.isfunction(value) and list_parameters(value)])
def test_raises_are_documented(name: str) -> None:
    """The docstring of a public function with parameters has a section ``Raises``, unless it raises nothing at once."""
    text = inspect.cleandoc(PUBLIC[name].__doc__ or "")
    assert name in RAISES_NOTHING or re.search(r"^Raises:\n", text, re.MULTILINE)


def test_exceptions_exist() -> None:
    """The tables of exceptions list only what exists."""
    assert RAISES_NOTHING.keys() <= PUBLIC.keys()
    assert BIG_FOLDERS.keys() <= {get_dotted_name(each) for each in FOLDERS}
