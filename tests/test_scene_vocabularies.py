"""The classes that our sources annotate, under their own ids."""

from parhelion.sim_adapters._scene_vocabularies import class_table


def test_label_ids_and_train_ids_name_the_same_nineteen_classes() -> None:
    theirs = set(class_table("cityscapes_label_ids").values())
    ours = set(class_table("scene_class").values())
    assert len(theirs - {255}) == 19
    assert theirs <= ours
