"""What is wrong with settings, in sentences: which one, what came, and what there is instead."""

from collections.abc import Iterator
from difflib import get_close_matches

from pydantic import BaseModel, ValidationError

SHOWN = 60  # characters of what came


def sentences(error: ValidationError, config: type[BaseModel]) -> Iterator[str]:
    """One for each fault in the settings of `config`; a list that only lacks what is faulty itself
    is none.
    """
    found = error.errors(include_url=False)
    for fault in found:
        path = fault["loc"]
        within = [other["loc"] for other in found if len(other["loc"]) > len(path)]
        if fault["type"] == "too_short" and any(loc[: len(path)] == path for loc in within):
            continue
        name = ".".join(map(str, path))
        if fault["type"] == "extra_forbidden":
            yield f"no setting {name!r}{_instead(path, config)}"
        elif fault["type"] == "value_error":
            yield f"{name}: {fault['ctx']['error']}" if name else str(fault["ctx"]["error"])
        else:
            yield f"{name}: {fault['msg']}, got {fault['input']!r:.{SHOWN}}"


def _instead(path: tuple[int | str, ...], config: type[BaseModel]) -> str:
    """Which setting may have been meant, or all that there are; unknown of settings in settings."""
    if len(path) > 1:
        return ""
    known = list(config.model_fields)
    close = get_close_matches(str(path[0]), known, n=1)
    return f": did you mean {close[0]!r}?" if close else f"; there are: {', '.join(known)}"
