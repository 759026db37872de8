"""Why part of a picture, or the same picture larger, is not drawn under conditions of its own."""

from parhelion.generators._trained import cells
from parhelion.pipeline.conditions import Conditions


def another_sky(name: str, asked: Conditions, has: Conditions, instead: str) -> str | None:
    """Why generator `name` does not draw these conditions of a parent that `has` others, and what
    to use `instead`. Hours and numbers that are not stated are as the parent has them.
    """
    other = asked.stated_otherwise(has)
    if cells(asked) == cells(has) and not other:
        return None
    stated = f" ({', '.join(other)})" if other else ""
    return (
        f"{name} keeps the parent's conditions, {', '.join(cells(has))}; asked were "
        f"{', '.join(cells(asked))}{stated}: use {instead}"
    )
