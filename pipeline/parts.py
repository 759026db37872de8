"""Finding parts by name: one file is one part, and there is no list to edit.

`build("generators", "weather")` imports `parhelion.generators.weather`, which ends with
`PART = Weather`, and gives the part made with those settings.
"""

import importlib
import pkgutil
from collections.abc import Mapping
from typing import Any, Literal

from parhelion.pipeline.contracts import PartConfig

Folder = Literal["generators", "sim_adapters"]


def names(folder: Folder) -> list[str]:
    """All parts of a folder, sorted; files that start with an underscore are shared machinery."""
    package = importlib.import_module(f"parhelion.{folder}")
    modules = pkgutil.iter_modules(package.__path__)
    return sorted(module.name for module in modules if not module.name.startswith("_"))


def part(folder: Folder, name: str) -> type[Any]:
    """The part's class. Raises KeyError with the right names."""
    if name not in names(folder):
        raise KeyError(f"no part {name!r} in {folder}; there are: {', '.join(names(folder))}")
    found: type[Any] = importlib.import_module(f"parhelion.{folder}.{name}").PART
    return found


def config(folder: Folder, name: str, settings: Mapping[str, Any]) -> PartConfig:
    """The part's validated settings. Raises pydantic.ValidationError, which names a wrong key."""
    made: PartConfig = part(folder, name).Config(**settings)
    return made


def build(folder: Folder, name: str, **settings: Any) -> Any:
    """The part, made with `settings`."""
    return part(folder, name)(config(folder, name, settings))
