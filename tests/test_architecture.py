"""The house rules, read from the syntax trees: who may import whom, how long files get."""

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from parhelion.pipeline import parts
from parhelion.pipeline.contracts import PartConfig

ROOT = Path(__file__).parents[1]
ALLOWED = {
    "pipeline": {"pipeline"},
    "generators": {"pipeline", "generators"},
    "sim_adapters": {"pipeline", "sim_adapters"},
    "flows": {"pipeline", "generators", "sim_adapters", "flows"},
}
FLOWS_ONLY = {"prefect", "typer"}
LONGEST_FILE = 400
LIGHT = ("plan", "plan_requests", "bias", "contracts", "frame", "geometry", "run_config", "kid")
STUB_NAMES = ("stub", "todo", "dummy", "placeholder", "not_implemented")
CONTRACT = {
    "generators": (
        "needs_fit",
        "models",
        "needs",
        "refusal",
        "unready",
        "fit",
        "generate",
        "save",
        "load",
    ),
    "sim_adapters": ("gives", "index", "read"),
}
PARTS = [(folder, name) for folder in CONTRACT for name in parts.names(folder)]  # type: ignore[arg-type]


def modules(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).glob("*.py"))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def imports(path: Path) -> Iterator[tuple[int, int, str]]:
    """(line, dots of a relative import, module) of every import, lazy ones included."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom):
            yield node.lineno, node.level, node.module or ""
            for alias in node.names:
                yield node.lineno, node.level, f"{node.module or ''}.{alias.name}"
        elif isinstance(node, ast.Import):
            yield from ((node.lineno, 0, alias.name) for alias in node.names)


@pytest.mark.parametrize("folder", ALLOWED)
def test_imports_point_inwards(folder: str) -> None:
    for path in modules(folder):
        for line, dots, module in imports(path):
            where = f"{folder}/{path.name}:{line} imports {module}"
            assert dots == 0, f"{where}: imports are absolute"
            first, *rest = module.split(".")
            assert first not in ALLOWED, f"{where}: that is parhelion.{first}"
            if first == "parhelion" and rest:
                assert rest[0] in ALLOWED[folder], where


def test_only_flows_import_the_orchestrator_and_the_command_line() -> None:
    for path in modules("pipeline", "generators", "sim_adapters"):
        for line, _, module in imports(path):
            assert module.split(".")[0] not in FLOWS_ONLY, f"{path.name}:{line} imports {module}"


def test_every_code_folder_is_packaged_under_one_name() -> None:
    table = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    folders = {f"parhelion.{folder}": folder for folder in ALLOWED}
    assert table["package-dir"] == folders
    assert sorted(table["packages"]) == sorted(folders)
    with_python = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert with_python == set(ALLOWED)


def test_no_file_is_longer_than_the_limit() -> None:
    lengths = {
        path.relative_to(ROOT): len(path.read_text().splitlines())
        for path in modules(*ALLOWED, "tests", "benchmarks")
    }
    assert {path: n for path, n in lengths.items() if n > LONGEST_FILE} == {}


def test_every_module_says_what_it_is() -> None:
    for path in modules(*ALLOWED, "tests", "benchmarks"):
        assert ast.get_docstring(tree(path)), f"{path.name} has no first line"


def test_there_are_no_stubs() -> None:
    for path in modules(*ALLOWED):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                name = node.name.lower()
                assert not any(stub in name for stub in STUB_NAMES), f"{path.name}: {node.name}"
            if isinstance(node, ast.Raise) and node.exc is not None:
                raised = ast.unparse(node.exc)
                assert not raised.startswith("NotImplementedError"), f"{path.name}:{node.lineno}"
        assert path.stem != "utils", "a file that cannot be named has no subject"


@pytest.mark.parametrize(("folder", "name"), PARTS)
def test_a_part_module_ends_with_its_part(folder: str, name: str) -> None:
    path = ROOT / folder / f"{name}.py"
    last = tree(path).body[-1]
    assert isinstance(last, ast.Assign), f"{path.name} ends with PART = ..."
    assert ast.unparse(last.targets[0]) == "PART"
    found = parts.part(folder, name)  # type: ignore[arg-type]
    assert isinstance(found.VERSION, str)
    assert issubclass(found.Config, PartConfig)
    for attribute in CONTRACT[folder]:
        assert hasattr(found, attribute), f"{name} lacks {attribute}"


@pytest.mark.parametrize("folder", ALLOWED)
def test_a_bare_import_is_refused_with_the_right_one(folder: str) -> None:
    bare = subprocess.run(
        [sys.executable, "-c", f"import {folder}"], capture_output=True, text=True, cwd=ROOT
    )
    assert bare.returncode == 1
    assert f"import parhelion.{folder}" in bare.stderr.splitlines()[-1]


def test_light_modules_do_not_load_torch_or_the_orchestrator() -> None:
    wanted = ", ".join(f"parhelion.pipeline.{name}" for name in LIGHT)
    code = f"import sys, {wanted}; print([m for m in ('torch', 'prefect') if m in sys.modules])"
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd="/"
    )
    assert told.stdout.strip() == "[]"
