"""A digest of the code that a result depends on, found by reading imports and not by running them.

A changed generator makes its own stages run again and leaves the others alone; the git commit,
which changes with every comment in the README, is not asked.
"""

import ast
import importlib.util
from functools import lru_cache
from pathlib import Path

from parhelion.pipeline.seeds import digest

PACKAGE = "parhelion"


@lru_cache
def code_digest(*modules: str) -> str:
    """Digest of the sources of `modules` and of all parhelion modules they import, all the way.

    Raises ModuleNotFoundError where a name is not one of ours.
    """
    return digest([[name, _source(name)] for name in sorted(imported(*modules))])


def imported(*modules: str) -> frozenset[str]:
    """`modules` and every parhelion module that they import, directly or not."""
    found: set[str] = set()
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(_direct(name))
    return frozenset(found)


@lru_cache
def _direct(module: str) -> frozenset[str]:
    """The parhelion modules that a module's source names in its imports, wherever they stand."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(_source(module))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
            names.add(node.module)
    ours = (name for name in names if name.startswith(f"{PACKAGE}."))
    return frozenset(name for name in ours if _path(name) is not None)


@lru_cache
def _source(module: str) -> str:
    path = _path(module)
    if path is None:
        raise ModuleNotFoundError(
            f"a stage's modules are names like {PACKAGE}.generators.weather, got {module!r}"
        )
    return path.read_text()


@lru_cache
def _path(module: str) -> Path | None:
    try:
        spec = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        return None
    return Path(spec.origin) if spec is not None and spec.origin else None
