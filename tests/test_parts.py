"""Parts are found by name; a wrong name answers with the right ones."""

import pytest
from pydantic import ValidationError

from parhelion.pipeline import parts


def test_names_are_sorted_and_hide_shared_machinery() -> None:
    for folder in ("generators", "sim_adapters"):
        found = parts.names(folder)
        assert found == sorted(found)
        assert not [name for name in found if name.startswith("_")]
    assert "weather" in parts.names("generators")
    assert "street" in parts.names("sim_adapters")


def test_a_part_is_built_with_its_settings() -> None:
    street = parts.build("sim_adapters", "street", scenes=3, quality="preview")
    assert type(street) is parts.part("sim_adapters", "street")
    assert street.config == parts.config(
        "sim_adapters", "street", {"scenes": 3, "quality": "preview"}
    )
    assert len(street.index()) == 3


def test_a_wrong_name_answers_with_the_right_ones() -> None:
    with pytest.raises(KeyError, match=r"no part 'wether' in generators; there are: .*weather"):
        parts.build("generators", "wether")
    with pytest.raises(KeyError, match="no part '_street_mesh'"):
        parts.part("sim_adapters", "_street_mesh")


def test_a_wrong_setting_is_named() -> None:
    with pytest.raises(ValidationError, match="scnes"):
        parts.config("sim_adapters", "street", {"scnes": 3})
