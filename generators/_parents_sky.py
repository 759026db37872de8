"""Why part of a picture, or the same picture larger, is not drawn under conditions of its own."""

from parhelion.generators._trained import cells
from parhelion.pipeline.conditions import Conditions


def another_sky(name: str, asked: Conditions, has: Conditions, instead: str) -> str | None:
    """Why generator `name` does not draw these conditions of a parent that `has` others, and what
    to use `instead`. What is not stated is as the parent has it.
    """
    other = asked.stated_otherwise(has)
    if asked.event is not has.event:
        other = [*other, "event"]
    if not other:
        return None
    return (
        f"{name} keeps the parent's conditions, {', '.join(cells(has))}; asked were "
        f"{', '.join(cells(asked))} (other: {', '.join(other)}): use {instead}"
    )
