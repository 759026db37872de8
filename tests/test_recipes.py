"""Recipes and example configs are complete, and a wrong one is refused by name."""

from pathlib import Path

import pytest

from parhelion.flows.recipes import RECIPES, edited, load_config
from parhelion.pipeline import parts
from parhelion.pipeline.run_config import Role, RunConfig

EXAMPLES = sorted((Path(__file__).parents[1] / "data").glob("*.yaml"))


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_a_run_of_its_own_name(name: str) -> None:
    assert load_config(name).name == name


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_a_run(path: Path) -> None:
    assert isinstance(load_config(str(path)), RunConfig)


@pytest.mark.parametrize("name", RECIPES)
def test_roles_share_no_group_but_twins_of_the_targets(name: str) -> None:
    groups: dict[Role, set[str]] = {role: set() for role in Role}
    for source in load_config(name).sources:
        adapter = parts.build("sim_adapters", source.adapter, **source.settings)
        groups[source.role].update(ref.group_id for ref in adapter.index())
    trained = groups[Role.SOURCE] | groups[Role.TARGET]
    assert not groups[Role.JUDGE] & (trained | groups[Role.REFERENCE])
    assert not groups[Role.REFERENCE] & trained


def test_the_demo_is_judged_on_fifteen_frames_of_every_condition() -> None:
    (judge,) = (s for s in load_config("demo").sources if s.role is Role.JUDGE)
    frames = parts.build("sim_adapters", judge.adapter, **judge.settings).index()
    assert judge.settings["quality"] == "judge"
    assert len(frames) >= 15 * len(judge.settings["conditions"])  # type: ignore[arg-type]


def test_a_config_that_is_nowhere_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="demo-preview"):
        load_config("nothing")
    (tmp_path / "list.yaml").write_text("- a\n")
    with pytest.raises(ValueError, match="settings by name"):
        load_config(str(tmp_path / "list.yaml"))


def test_yaml_makes_no_objects(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("name: !!python/object/apply:os.getcwd []\n")
    with pytest.raises(ValueError, match="YAML"):
        load_config(str(path))


def test_an_edit_replaces_what_a_run_wants_and_keeps_its_sources() -> None:
    config = load_config("demo")
    made = RunConfig.model_validate(edited(config, "make it night", 5).model_dump(mode="json"))
    assert made.sources == config.sources
    assert made.gate == config.gate
    assert [draw.generator for draw in made.generators] == ["instruct"]
    (edit,) = made.plan.edits
    assert (edit.text, edit.count, edit.parents) == ("make it night", 5, config.plan.parents)
    assert made.plan.generators == {"instruct"}
    assert made.name.startswith(f"{config.name}-make-it-night-")


def test_every_wish_has_a_folder_of_its_own() -> None:
    config = load_config("demo")
    wishes = ("make it night", "Make it night!", "make it snow", "x" * 300)
    assert len({edited(config, text, 5).name for text in wishes}) == len(wishes)
    with pytest.raises(ValueError, match="wants a wish such as"):
        edited(config, " ?", 5)
