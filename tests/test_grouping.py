"""Groups that a pattern finds in the paths of frames."""

import re

import pytest

from parhelion.pipeline import parts
from parhelion.sim_adapters._grouping import group_in


@pytest.mark.parametrize("pattern", ["abc[", "^no_group"])
@pytest.mark.parametrize("name", ["folder", "parquet", "hf_datasets", "yolo"])
def test_a_pattern_that_gives_no_group_is_no_setting(name: str, pattern: str) -> None:
    with pytest.raises(ValueError, match="group_pattern"):
        parts.build("sim_adapters", name, group_pattern=pattern)


@pytest.mark.parametrize(
    ("pattern", "group"), [(r"^(town\d+)_", "town1"), (r"(town2)?", ""), ("(ulm)", "")]
)
def test_the_first_group_of_a_pattern_names_the_group(pattern: str, group: str) -> None:
    assert group_in("town1_0001", re.compile(pattern)) == group
    assert group_in("town1_0001", None) == ""
