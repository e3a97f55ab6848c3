"""Rules of the source: layers of imports, sizes, docstrings, and the cost of importing."""

import ast
import functools
import importlib
import inspect
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import get_origin

import pytest

import genai_fn
import genai_fn.testing
from docs import write_operations
from genai_fn.request import Flow, Live, Request, Stream
from genai_fn.wire import USER_AGENT
from tests.support.builders import list_builders
from tests.support.check_each import check_each
from tests.support.source_files import list_nodes, parse_file, read_source_file

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "genai_fn"

LAYERS = (
    ("codec", "engine.futures", "errors", "forks", "lazy_names", "retry_advice", "values"),
    ("schema",),
    ("http", "wire.masking", "wire.field_support", "wire.lenient_json"),
    ("backend", "effects", "events", "options", "results", "wire.decompress", "wire.sse"),
    (
        "engine.futures",
        "engine.retry",
        "engine.stepper",
        "request",
        "source_code",
        "wire.resource_names",
        "wire.resume",
    ),
    ("commands", "engine.call_events", "engine.virtual_time", "streams", "wire.json_body"),
    ("wire",),
    ("engine.attempts", "live_protocol"),
    ("engine.handler",),
    ("engine", "engine.program"),
    ("flows", "ops"),
    ("modifiers",),
    ("emulator",),
    ("interpreters",),
    ("jobs", "local_tokenizer"),
    ("middleware",),
    ("testing",),
    ("cli", "lazy_names.guesses"),
)

"""
From the lowest layer up: a module imports from its own layer and from lower ones; no imports are circular.

A part is a module, or a folder with all of its modules except those that are listed separately.
"""

FORBIDDEN_IMPORTS = {
    "ops": {"wire", "engine.handler", "effects", "wire.json_body"},  # operations state what is sent, not how
    # an independent server: it does not reuse the encoding of the client
    "emulator": {"wire", "engine.handler", "effects", "request", "ops"},
}
"""Parts that a part must not import, although they are in a lower layer."""

ALLOWED_IMPORTS = {
    "ops.batches.lines": {"wire"},  # a line of a batch's file is a request as it would be sent
    "ops.embed.arrays": {"wire"},  # the reader of a response that decodes it from the text
    "ops.embed.many": {"effects"},  # a stream, which emits each vector without a generator of its own
    "ops.files.download_flow": {"effects"},  # flows, which stand beside their operations
    "ops.files.upload_flow": {"effects"},
}
"""Modules that may import some forbidden parts all the same, each with the reason."""

PURE_MODULES = {
    *(
        "array",
        "base64",
        "binascii",
        "collections",
        "copy",
        "dataclasses",
        "datetime",
        "decimal",
        "difflib",
        "dis",
        "email",
        "enum",
        "functools",
    ),
    *(
        "hashlib",
        "inspect",
        "io",
        "ipaddress",
        "itertools",
        "json",
        "math",
        "operator",
        "re",
        "string",
        "textwrap",
        "types",
        "typing",
    ),
    *("urllib", "zlib", "msgspec", "pybase64", "returns", "typing_extensions"),
}
"""Modules that may be imported where there is no I/O."""

IO_EXCEPTIONS = {
    "lazy_names": {
        "contextlib",
        "gc",
        "importlib",
        "opcode",
        "os",
        "sys",
    },  # the names of the package are loaded at their first use, while collection pauses
    "forks": {"contextlib", "importlib", "os", "threading"},  # the lock that a fork waits for
    "flows.calling.mcp_sessions": {"mcp"},  # the type of the parameters that its sessions take
    "codec": {"os", "threading"},  # the lock for new types, which a fork respects
    "local_tokenizer.model_files": {
        "contextlib",
        "os",
        "pathlib",
        "sys",
    },  # fetches and caches files
    "local_tokenizer.tokenizer": {"sentencepiece"},  # reads no files itself
    "ops.files.download_flow": {"pathlib"},  # names the type of the result of a download to a path
    "schema.content": {"pathlib"},  # names the type of a path that ``from_file`` reads
    "schema.evaluation": {"importlib"},  # PyYAML is optional
    "schema.foreign_values": {"sys"},  # whether a program has loaded numpy, which is optional
    "schema.images": {"PIL", "pathlib"},  # names the types of what ``as_pillow`` returns and ``from_file`` accepts
    "schema.videos": {"pathlib"},  # names the type of what ``from_file`` accepts
    "schema.notebooks": {"importlib", "sys"},  # whether the program runs in a notebook; IPython is optional
    "schema.pillow_images": {"PIL"},  # Pillow is optional
    "schema.disk": {"pathlib"},  # ``from_file`` and ``save`` of Image and Video
    "schema.other_types": {"pathlib", "sys"},  # ``PurePath`` as a type; ``sys.modules``, as pydantic is not imported
    "engine.futures": {"concurrent", "sys"},  # futures, which do no I/O; ``sys.modules``, as they load logging
    "ops.embed.arrays": {"importlib", "numpy"},  # numpy is optional
    "wire.number_lists": {"importlib", "struct", "sys"},  # simdjson is optional; the byte order of the machine
    "wire.encoding": {"sys"},  # the Python version, for the user agent
}
"""Exceptions outside ``interpreters`` and ``cli``, each with its purpose."""

CIRCULAR = {
    "request": "source_code",  # the repr of a request is its source code, whose writer needs the types of requests
}
"""Imports that are still circular; an entry that no longer applies fails the test."""

LONG_FILES = {
    "tests/cases/generate_requests.py": "a table of requests",
}
LONG_FUNCTIONS: dict[str, str] = {}


def list_sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def get_module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def list_imports(path: Path, *, for_type_checkers: bool = True) -> tuple[str, ...]:
    """List the full names that a file imports, also in functions, and under TYPE_CHECKING if `for_type_checkers`."""
    source = read_source_file(path)
    return source.imports if for_type_checkers else source.loaded_imports


def find_part(name: str) -> str:
    relative = name.removeprefix("genai_fn").lstrip(".")
    return next((each for each in (relative, *_list_parents(relative)) if each in PARTS), relative.split(".")[0])


def _list_parents(name: str) -> list[str]:
    """List the folders that contain a module, the nearest first."""
    parts = name.split(".")
    return [".".join(parts[:length]) for length in range(len(parts) - 1, 0, -1)]


PARTS = {part for layer in LAYERS for part in layer}
MODULES = {get_module_name(path): path for path in list_sources("genai_fn")}
RANKS = {part: rank for rank, layer in enumerate(LAYERS) for part in layer}
INTERNAL = {
    *("emulator", "engine", "flows", "interpreters", "live_protocol", "local_tokenizer"),
    *("middleware", "schema", "testing"),
}
"""Folders for the library's own use: names without an underscore are for other modules, and no list repeats them."""
WITH_IO = ("interpreters", "jobs", "middleware", "cli", "testing", "__main__")
each_pure_module = check_each([each for each in MODULES if find_part(each) not in WITH_IO])
each_module = check_each(MODULES)


@each_module
def test_has_a_layer(name: str) -> None:
    """Every module belongs to a layer."""
    assert find_part(name) in PARTS | {"", "__main__"}


@each_module
def test_imports_downwards(name: str) -> None:
    """A module imports from its own layer and from lower ones."""
    part = find_part(name)
    if part not in PARTS:
        return  # the package itself, whose names are lazy, and ``python -m``
    parts = {
        find_part(each)
        for each in list_imports(MODULES[name])
        if each.startswith("genai_fn.") and find_part(each) in PARTS
    } - {part}
    assert [each for each in parts if RANKS[each] > RANKS[part]] == []
    assert parts & FORBIDDEN_IMPORTS.get(part, set()) == ALLOWED_IMPORTS.get(name, set())


def test_imports_in_no_circle() -> None:
    """No module imports itself through others; imports within functions count, those for type checkers do not."""
    pending = {name: list_needed_modules(name) for name in MODULES}
    for name, needed in CIRCULAR.items():
        pending[name].remove(needed)
    while ready := {name for name, needed in pending.items() if not needed & pending.keys()}:
        pending = {name: needed for name, needed in pending.items() if name not in ready}
    assert pending == {}


def list_needed_modules(name: str) -> set[str]:
    """List the modules that a module loads: those it imports, and the folders that contain them but not the module."""
    loaded = {find_loaded_module(each) for each in list_imports(MODULES[name], for_type_checkers=False)}
    folders = {each for one in loaded for each in _list_parents(one)} - {*_list_parents(name)}
    return (loaded | folders) - {"", name}


def find_loaded_module(full: str) -> str:
    """Find the module of the package that an import loads: of ``genai_fn.http.HttpRequest``, ``http``."""
    name = full.removeprefix("genai_fn").lstrip(".") if full.startswith("genai_fn.") else ""
    return next((each for each in (name, name.rpartition(".")[0]) if each in MODULES), "")


@each_pure_module
def test_imports_no_io(name: str) -> None:
    """Only the parts `WITH_IO` import modules for I/O, clocks, randomness or the environment."""
    roots = {each.split(".")[0] for each in list_imports(MODULES[name])} - {"genai_fn"}
    assert roots - PURE_MODULES == IO_EXCEPTIONS.get(name, set())


@each_pure_module
def test_calls_no_io(name: str) -> None:
    """No other module opens files, prints, or reads from the terminal."""
    called = {
        node.func.id
        for node in list_nodes(MODULES[name])
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert called & {"open", "print", "input", "exec", "eval", "breakpoint"} == set()


FROM_MSGSPEC = {
    *("DecodeError", "Meta", "NODEFAULT", "Raw", "Struct", "StructMeta", "UNSET", "UnsetType", "ValidationError"),
    *("field", "inspect", "structs"),
}
"""What every module may use of msgspec: none of it prepares a type; of ``inspect``, only the classes are used."""


@check_each([each for each in MODULES if each != "codec"])
def test_only_the_codec_calls_msgspec(name: str) -> None:
    """Only ``codec`` calls functions of msgspec, as it prepares new types under a lock."""
    used = {
        each.removeprefix("msgspec.").split(".")[0]
        for each in list_imports(MODULES[name])
        if each.startswith("msgspec.")
    }
    for node in list_nodes(MODULES[name]):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "msgspec":
            used.add(node.attr)
        if isinstance(node, ast.Attribute) and node.attr in ("type_info", "multi_type_info"):
            used.add(node.attr)
        assert not (isinstance(node, ast.alias) and node.name == "msgspec" and node.asname), "msgspec has another name"
    assert used - FROM_MSGSPEC == set()


def test_urllib_only_splits() -> None:
    """Of urllib, only ``urllib.parse`` is imported, which has no network code."""
    used = {each for path in MODULES.values() for each in list_imports(path) if each.startswith("urllib")}
    assert [each for each in used if not each.startswith("urllib.parse")] == []


@check_each(list_sources("genai_fn", "tests", "benchmarks"))
def test_sizes(path: Path) -> None:
    """A file has at most 600 lines and a function at most 60, except for those listed with a reason."""
    where = str(path.relative_to(ROOT))
    source = read_source_file(path)
    assert (source.line_count > 600) == (where in LONG_FILES), f"{where} has {source.line_count} lines"
    long = {f"{where}:{each.name}" for each in source.functions if each.line_count >= 60}
    assert long == {each for each in LONG_FUNCTIONS if each.startswith(f"{where}:")}


@each_module
def test_variants_are_data(name: str) -> None:
    """No module compares the builder of a flow: the traits of a flow state what it can do."""
    compared = [
        ast.unparse(node)
        for node in list_nodes(MODULES[name])
        if isinstance(node, ast.Compare)
        and any(isinstance(each, ast.Attribute) and each.attr == "builder" for each in (node.left, *node.comparators))
    ]
    assert compared == []


@each_module
def test_is_documented(name: str) -> None:
    """Every module, public function and public class has a docstring."""
    tree = parse_file(MODULES[name])
    assert ast.get_docstring(tree), f"{name} has no docstring"
    assert [each.name for each in _public(tree.body) if not ast.get_docstring(each)] == []


def _public(body: list[ast.stmt]) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    """Yield the public functions and classes; overloads need no docstring."""
    for node in body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) or node.name.startswith("_"):
            continue
        if any(ast.unparse(each).endswith("overload") for each in node.decorator_list):
            continue
        yield node


@pytest.mark.parametrize(("name", "builder"), list_builders().items(), ids=list_builders())
def test_builders_are_documented(name: str, builder: FunctionType) -> None:
    """Every builder of a resource documents its parameters and errors, and what its requests fail with."""
    text, parameters = inspect.getdoc(builder) or "", inspect.signature(builder).parameters
    assert [each for each in parameters if f"\n    {each}: " not in text] == []
    assert not parameters or "Raises:" in text or name in RAISES_NOTHING
    is_run = get_origin(inspect.signature(builder).return_annotation) in (Request, Flow, Stream, Live)
    assert not is_run or "Fails with:" in text


RAISES_NOTHING = {"chats.history"}


@check_each(list_sources("tests"))
def test_tests_share_through_support(path: Path) -> None:
    """No test module or conftest is imported by another module: shared cases and helpers have modules of their own."""
    names = {part for each in list_imports(path) if each.startswith("tests.") for part in each.split(".")}
    assert [each for each in names if each.startswith("test_") or each == "conftest"] == []


@check_each(list_sources("tests"))
def test_tests_state_their_rule(path: Path) -> None:
    """Every test has a docstring that states its rule."""
    tests = [each for each in read_source_file(path).functions if each.name.startswith("test_")]
    assert [each.name for each in tests if not each.has_docstring] == []


@each_module
def test_all_is_true(name: str) -> None:
    """Names in ``__all__`` exist and are unique; a module with definitions for users has an ``__all__``."""
    if name == "__main__":
        return
    module = importlib.import_module(f"genai_fn.{name}".rstrip("."))
    listed = getattr(module, "__all__", [])
    assert [each for each in listed if not hasattr(module, each)] == []
    assert len(set(listed)) == len(listed)
    assert listed or name.split(".", 1)[0] in INTERNAL or not list(_public(parse_file(MODULES[name]).body))


@check_each([each for each in MODULES if each.split(".")[0] in INTERNAL])
def test_underscore_marks_own_names(name: str) -> None:
    """In an internal module without ``__all__``, a function that no other module imports has an underscore."""
    tree = parse_file(MODULES[name])
    if any(isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__" for node in tree.body):
        return
    functions = {each.name for each in _public(tree.body) if not isinstance(each, ast.ClassDef)} - PRINTED.get(
        name, set()
    )
    assert sorted(each for each in functions if f"genai_fn.{name}.{each}" not in list_used_names()) == []


PRINTED = {
    "flows.parallel": {"run_all"},
    "flows.polling": {"run_until_done"},
    "interpreters.net.waits.asyncio_waits": {"wait_for_socket"},
    "interpreters.net.waits.trio_waits": {"wait_for_socket"},
    "testing.strategies.deferred": {"answers"},
}
"""Functions whose names failing tests or traces print, or that implement a protocol."""


@functools.cache
def list_used_names() -> set[str]:
    """List the full names that files import, or read from a module that they import."""
    used: set[str] = set()
    for path in list_sources("genai_fn", "tests", "benchmarks", "docs"):
        names = {each.rpartition(".")[2]: each for each in list_imports(path)}
        attributes = read_source_file(path).attributes
        used |= {*names.values(), *(f"{names[name]}.{attribute}" for name, attribute in attributes if name in names)}
    return used


@pytest.mark.parametrize("package", [genai_fn, genai_fn.schema, genai_fn.testing], ids=lambda package: package.__name__)
def test_lazy_names_are_the_typed_ones(package: ModuleType) -> None:
    """A lazy package loads each name from where type checkers find it, and lists no other."""
    tree = parse_file(Path(str(package.__file__)))
    block = next(each for each in tree.body if isinstance(each, ast.If))
    imports = [(node.module, each) for node in block.body if isinstance(node, ast.ImportFrom) for each in node.names]
    assert [
        each.name for _, each in imports if each.name != each.asname
    ] == []  # type checkers re-export `x as x` alone
    assert package.__all__ == sorted(each.name for _, each in imports)
    for module, each in imports:
        namespace: dict[str, object] = {}
        exec(f"from {module} import {each.name}", namespace)  # noqa: S102  # the statement itself is the expectation
        assert getattr(package, each.name) is namespace[each.name]


@check_each(genai_fn.__all__)
def test_public_names_load(name: str) -> None:
    """Every public name loads, is cached, and is listed by ``dir``."""
    assert getattr(genai_fn, name) is getattr(genai_fn, name)
    assert name in dir(genai_fn)


def test_unknown_name() -> None:
    """An unknown name raises AttributeError."""
    with pytest.raises(AttributeError, match="generat"):
        _ = genai_fn.generat  # type: ignore[attr-defined]  # that is the point


@check_each(list_sources("genai_fn"))
def test_nothing_waits_for_the_collector(path: Path) -> None:
    """No class has a ``__del__``: resources are closed explicitly. Exceptions have a reason."""
    is_found = any(each.name == "__del__" for each in read_source_file(path).functions)
    assert is_found == (str(path.relative_to(PACKAGE)) in WITH_DEL)


WITH_DEL = {
    "middleware/limits/tickets.py": "the slot of a stream that was left behind; it takes no lock that may be taken",
}


@each_module
def test_modules_have_names(name: str) -> None:
    """No module has a vague name."""
    vague = {
        "client",
        "manager",
        "handler",
        "util",
        "utils",
        "helpers",
        "common",
        "misc",
        "data",
        "info",
        "process",
        "core",
    }
    handlers = {"handler"} if name == "engine.handler" else set()  # of RequestHandler, which is something in particular
    assert set(name.split(".")) & vague == handlers


NETWORK = (
    "anyio",
    "asyncio",
    "google",
    "h11",
    "httpcore",
    "httpcore2",
    "hypothesis",
    "PIL",
    "requests",
    "rich",
    "ssl",
    "trio",
    "typer",
)


@pytest.mark.parametrize(
    "statement", ["import genai_fn", "import genai_fn.schema", "from genai_fn import generate, text, with_config"]
)
def test_imports_are_cheap_and_silent(statement: str) -> None:
    """Importing the package, its types and its builders loads no network stack, and prints nothing."""
    program = f"{statement}; import sys; sys.exit(repr(sorted(set({NETWORK}) & set(sys.modules))))"
    process = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
        timeout=600,
    )
    assert (process.stdout, process.stderr.strip()) == ("", "[]")


_WITHOUT_TYPES = {"annotations", "base", "enum_numbers", "foreign_values", "reusable", "secret_fields", "usage"}
"""The modules of ``schema`` that contain no types of the API, as far as a client needs them."""


def test_creating_a_client_loads_no_types() -> None:
    """Creating a client loads no types of the API, no thread pool, and nothing that only some calls need."""
    unneeded = {
        *("concurrent.futures", "heapq", "logging", "queue", "random", "socket", "string", "traceback"),
        *("base64", "genai_fn.engine.explaining", "genai_fn.engine.virtual_time", "genai_fn.ops.generate.operation"),
        *("genai_fn.commands", "genai_fn.interpreters.attempts_without_http", "genai_fn.interpreters.auth"),
    }
    program = f"""
import sys, types
httptools = types.ModuleType("httptools")  # it may not be installed
httptools.HttpResponseParser = None
sys.modules["httptools"] = httptools
httptools.__spec__ = types.SimpleNamespace()
from genai_fn import Gemini, Http, generate
client = Http(Gemini("test-key"))
types = {{each.removeprefix("genai_fn.schema.") for each in sys.modules if each.startswith("genai_fn.schema.")}}
sys.exit(repr((sorted(types - {_WITHOUT_TYPES}), sorted({unneeded} & set(sys.modules)))))
"""
    command = [sys.executable, "-c", program]
    process = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False, timeout=600)
    assert process.stderr.strip() == "([], [])"


@pytest.mark.parametrize("name", ["generate, encode, decode", "embed"])
def test_imports_of_the_schema(name: str) -> None:
    """A builder loads the types that it needs, not those of other resources, and no module that only errors need."""
    unneeded = ("batches", "evaluation", "live", "music", "stores", "tunings", "videos")
    modules = {"concurrent.futures", "difflib", "logging", *(f"genai_fn.schema.{each}" for each in unneeded)}
    program = f"from genai_fn import {name}; import sys; sys.exit(repr(sorted({modules} & set(sys.modules))))"
    command = [sys.executable, "-c", program]
    process = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False, timeout=600)
    assert process.stderr.strip() == "[]"


def list_text_files() -> list[Path]:
    suffixes = {".py", ".md", ".toml", ".lock", ".txt", ".json", ".cfg", ""}
    folders = ("genai_fn", "tests", "benchmarks", "docs", ".ci")
    paths = [
        each
        for folder in folders
        for each in (ROOT / folder).rglob("*")
        if each.is_file() and "__pycache__" not in each.parts
    ]
    return [each for each in (*paths, *ROOT.glob("*")) if each.is_file() and each.suffix in suffixes]


def test_belongs_to_no_machine() -> None:
    """No file contains a home directory, or the host of a package registry."""
    machine_names = re.compile(r"/(?:root|home|Users|work|opt)/[a-z]|" + r"\b(?:py" + r"pi|npm" + r"js)\.(?:org|com)\b")
    paths = {
        str(path.relative_to(ROOT)): machine_names.findall(path.read_text(encoding="utf-8", errors="ignore"))
        for path in list_text_files()
    }
    assert {name: each for name, each in paths.items() if each} == {}


def test_version_is_stated_once() -> None:
    """The version is stated only in the package: the build reads it there, and every request contains it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert ("version" in project["project"], project["project"]["dynamic"]) == (False, ["readme", "version"])
    place = ROOT / project["tool"]["hatch"]["version"]["path"]
    assert re.findall('^__version__ = "(.+)"$', place.read_text(encoding="utf-8"), re.MULTILINE) == [
        genai_fn.__version__
    ]
    assert USER_AGENT.startswith(f"genai-fn/{genai_fn.__version__} ")


def test_docs_list_every_operation() -> None:
    """``docs/operations.md`` is the current output of ``python -m docs.write_operations``."""
    assert write_operations.PAGE.read_text(encoding="utf-8") == write_operations.render_page()


def test_readme_is_up_to_date() -> None:
    """No public name is listed in README as not supported yet."""
    section = (
        (ROOT / "README.md").read_text(encoding="utf-8").partition("## Not supported yet")[2].partition("\n## ")[0]
    )
    assert set(re.findall(r"`(\w+)`", section)) & set(genai_fn.__all__) == set()
