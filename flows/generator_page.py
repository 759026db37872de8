"""What a generator is and how it can be set, made from its code: `parhelion generators NAME`."""

import inspect
import json
import re
import sys

from parhelion.pipeline import parts
from parhelion.pipeline.contracts import PartConfig
from parhelion.pipeline.overview import Table

FIELD = re.compile(r"^    (?P<name>\w+): .*?  # (?P<comment>.+)$", re.MULTILINE)


def introduction(name: str) -> str:
    """What stands at the top of its file."""
    module = sys.modules[parts.part("generators", name).__module__]
    return inspect.cleandoc(module.__doc__ or "")


def settings_table(name: str) -> Table:
    """Every setting with its default and meaning, and whether a training depends on it."""
    config: type[PartConfig] = parts.part("generators", name).Config
    told = meanings(config)
    rows = tuple(
        (
            field,
            json.dumps(value),
            "drawing" if field in config.drawing else "",
            told.get(field, ""),
        )
        for field, value in config().model_dump(mode="json").items()
    )
    return Table(
        title=f"settings of {name}", columns=("setting", "default", "of", "meaning"), rows=rows
    )


def meanings(config: type[PartConfig]) -> dict[str, str]:
    """The comment beside each setting, of the class that has it last."""
    found: dict[str, str] = {}
    for cls in reversed(config.__mro__):
        if issubclass(cls, PartConfig):
            found |= {m["name"]: m["comment"] for m in FIELD.finditer(inspect.getsource(cls))}
    return {name: meaning for name, meaning in found.items() if name in config.model_fields}
