"""Habits of the code that a reader relies on: import direction, public names, one place for cffi."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "rtcsplit"
LAYERS = [
    "_native",
    "wire",
    "routing",
    "session",
    "media",
    "relay",
    "transceiver",
    "signaling",
    "gateway",
    "adapters",
    "cli",
]
EVERYBODY_MAY_IMPORT = {"errors", "drops", "_version", ""}
SANS_IO = ("wire", "routing", "session", "media")
IO_MODULES = {"socket", "asyncio", "threading", "selectors", "time", "signal"}
SOURCES = sorted(path for path in PACKAGE.rglob("*.py"))


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Absolute names of what a module imports, with the level of a ``TYPE_CHECKING`` block left in."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module or "") if part)
            yield node.lineno, module
            for alias in node.names:
                yield node.lineno, f"{module}.{alias.name}"


def layer(name: str) -> str:
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else ""


def test_imports_point_downwards_only() -> None:
    wrong = []
    for path in SOURCES:
        own = layer(".".join(path.relative_to(ROOT).with_suffix("").parts))
        if own not in LAYERS:
            continue
        for line, name in imports(path):
            target = layer(name) if name.split(".")[0] == "rtcsplit" else None
            if target in LAYERS and LAYERS.index(target) > LAYERS.index(own):
                wrong.append(f"{path.relative_to(ROOT)}:{line} imports {name}")
    assert not wrong


def test_only_native_names_the_foreign_interface() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in SOURCES
        if path.parent.name != "_native"
        for line, name in imports(path)
        if "_rtcsplit" in name or name == "cffi"
    ]
    assert not wrong


def test_protocol_objects_import_no_io_and_no_clock() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in SOURCES
        if path.relative_to(PACKAGE).parts[0] in SANS_IO
        for line, name in imports(path)
        if name.split(".")[0] in IO_MODULES
    ]
    assert not wrong


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_public_modules_say_what_is_public(path: Path) -> None:
    """Every public module has ``__all__``, sorted, and a docstring; what ``__all__`` names is documented."""
    relative = path.relative_to(PACKAGE)
    tree = ast.parse(path.read_text())
    if not tree.body or any(part.startswith("_") and part != "__init__.py" for part in relative.parts):
        return
    assert ast.get_docstring(tree), "no docstring"
    if path.name == "__init__.py" and len(tree.body) == 1:
        return
    names = [
        [element.value for element in node.value.elts]
        for node in tree.body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__"
        if isinstance(node.value, ast.List)
    ]
    assert len(names) == 1, "no __all__"
    documented = {
        node.name: ast.get_docstring(node)
        for node in tree.body
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
    }
    assert not [name for name in names[0] if name in documented and not documented[name]]


def test_the_open_work_is_not_in_comments() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{number}"
        for folder in ("rtcsplit", "csrc", "tests", "benchmarks")
        for path in sorted((ROOT / folder).rglob("*"))
        if path.suffix in (".py", ".c", ".h") and path != Path(__file__)
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if any(word in line for word in ("TODO", "FIXME", "XXX:"))
    ]
    assert not wrong


def test_tests_import_nothing_from_each_other() -> None:
    """What several of them need has a place of its own beside them."""
    wrong = []
    for path in sorted((ROOT / "tests").rglob("*.py")):
        found = [name for _, name in imports(path) if any(part.startswith("test_") for part in name.split(".")[1:-1])]
        wrong += [f"{path.relative_to(ROOT)}: {name}" for name in found]
    assert not wrong


_DOORS = {
    "signaling.whip": ("starlette", "signaling"),
    "signaling.small_webrtc": ("starlette", "signaling"),
    "signaling.realtime": ("python_multipart", "gateway"),
    "adapters.pipecat": ("pipecat", "pipecat"),
    "adapters.livekit": ("livekit", "livekit"),
}


@pytest.mark.parametrize("name", _DOORS)
def test_import_without_its_extra_says_what_to_install(name: str) -> None:
    """One line, and an ImportError for whoever can do without."""
    library, extra = _DOORS[name]
    program = f"""
import sys
sys.modules[{library!r}] = None
try:
    import rtcsplit.{name}
except ImportError as error:
    print(type(error).__name__, error)
"""
    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.startswith("MissingLibraryError ")
    assert result.stdout.endswith(f" is not installed: pip install 'rtcsplit[{extra}]'\n")
