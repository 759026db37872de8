"""Groups of datasets whose layout says nothing of scenes or drives."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from parhelion.sim_adapters._recordings import RecordingsConfig

_LAST_NUMBER = re.compile(r"[0-9]{1,18}$")
_APPENDED = re.compile(r"_(?:jpe?g|png)\.rf\.[0-9a-f]+$", re.IGNORECASE)  # by Roboflow


def numbered_block(stem: str, size: int) -> str:
    """The block of `size` neighbours in number that a file name belongs to.

    The number is the last of the name, so that what stands before it keeps blocks apart; a name
    that ends in no number is a block of its own.
    """
    stem = _APPENDED.sub("", stem)
    number = _LAST_NUMBER.search(stem)
    return stem if number is None else f"{stem[: number.start()]}{int(number[0]) // size}"


def _with_a_group(pattern: re.Pattern[str]) -> re.Pattern[str]:
    if not pattern.groups:
        raise ValueError(f"wanted a group in brackets, got {pattern.pattern!r}")
    return pattern


# Regular expression on the frame's path; its first group names the group of the frame.
GroupPattern = Annotated[re.Pattern[str], AfterValidator(_with_a_group)] | None


def group_in(path: str, pattern: re.Pattern[str] | None) -> str:
    """What the pattern's first group finds in a path; "" where it finds nothing."""
    found = pattern.search(path) if pattern else None
    return str(found[1] or "") if found else ""


class GroupedConfig(RecordingsConfig):
    """Where a dataset lies, and which of its frames belong together."""

    group_pattern: GroupPattern = None
    # Where it is silent: so many neighbours in number make a group; 1 = unrelated pictures.
    frames_per_group: Annotated[int, Field(gt=0)] = 100

    def group_of(self, path: str) -> str:
        """The group of a frame by its path without suffix."""
        return group_in(path, self.group_pattern) or numbered_block(path, self.frames_per_group)
