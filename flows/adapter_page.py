"""The page of all adapters, made from what each says of its source: docs/adapters.md."""

import inspect
import json
import sys
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

from parhelion.pipeline import parts
from parhelion.pipeline.overview import Table
from parhelion.pipeline.scene_class import LabelSpace, SceneClass
from parhelion.sim_adapters._about import About

LONGEST_DEFAULT = 500  # characters; above it stand tables of words
HEAD = """# Adapters

What each adapter reads, in whose units, and what becomes of it. This page is made from the code:
`parhelion adapters --page > docs/adapters.md`.

All give the same frame: images as RGB, depth in metres along the optical axis (infinite for sky,
nan where nothing was measured), stencils as the scene classes of `pipeline/scene_class.py` (255 =
not annotated), boxes from 0 and half-open, cameras in OpenCV's axes. A layer that a source does not
have stays empty. A weather word outside the tables below is kept as it is, beside UNKNOWN. A class
counts only where the source annotates it at all: its label space.
"""


def adapters_table() -> Table:
    """One row per adapter: its name, its source, the layers it can give."""
    rows = []
    for name in parts.names("sim_adapters"):
        adapter = parts.part("sim_adapters", name)
        rows.append((name, adapter.about.title, _listed(adapter.gives)))
    return Table(title="adapters", columns=("adapter", "source", "layers"), rows=tuple(rows))


def adapter_page() -> str:
    """The whole page as Markdown."""
    sections = [_section(name) for name in parts.names("sim_adapters")]
    table = _table(("adapter", "source", "layers"), adapters_table().rows)
    return "\n".join([HEAD, table, *sections])


def _section(name: str) -> str:
    adapter = parts.part("sim_adapters", name)
    about: About = adapter.about
    blocks = [
        f"## {name}: {about.title}\n",
        f"```text\n{_docstring(adapter)}\n```\n",
        f"Frames are {about.kind.value}. Licence of the data: {about.licence or 'its owner’s'}.\n",
        f"Layers: {_listed(adapter.gives)}.\n",
        _heading("Units", _table(("layer", "as the source has it"), about.units.items())),
        _heading("Classes", _meanings(about.classes)),
        _heading("Label space", _classes(about.label_space)),
        _heading("Weather", _meanings(about.weathers)),
        _heading("Time of day", _meanings(about.times)),
        _heading("Settings", _settings(adapter.Config)),
        _heading("Unverified", "".join(f"* {sentence}\n" for sentence in about.unverified)),
    ]
    return "\n".join(block for block in blocks if block)


def _docstring(adapter: type[Any]) -> str:
    return inspect.cleandoc(sys.modules[adapter.__module__].__doc__ or "")


def _heading(title: str, text: str) -> str:
    return f"### {title}\n\n{text}" if text else ""


def _table(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [" | ".join(map(_cell, row)) for row in rows]
    if not lines:
        return ""
    ruler = " | ".join("---" for _ in columns)
    return "\n".join(f"| {line} |" for line in (" | ".join(columns), ruler, *lines)) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _meanings(words: Mapping[str, SceneClass | StrEnum]) -> str:
    """One row for each meaning, with all the words that have it."""
    told: dict[str, list[str]] = {}
    for word, meant in words.items():
        here = meant.label if isinstance(meant, SceneClass) else meant.value
        told.setdefault(here, []).append(word)
    rows = [(here, ", ".join(spoken)) for here, spoken in told.items()]
    return _table(("here", "the source says"), rows)


def _classes(label_space: LabelSpace) -> str:
    return ", ".join(c.label for c in sorted(label_space)) + ".\n" if label_space else ""


def _settings(config: type[Any]) -> str:
    """Every setting with its default; the contract wants one for each."""
    defaults = config()
    rows = []
    for name, value in defaults.model_dump(mode="json").items():
        told = json.dumps(
            sorted(value) if isinstance(getattr(defaults, name), frozenset) else value
        )
        rows.append(
            (f"`{name}`", f"`{told}`" if len(told) < LONGEST_DEFAULT else "the tables here")
        )
    return _table(("setting", "default"), rows)


def _listed(layers: frozenset[str]) -> str:
    return ", ".join(sorted(layers))
