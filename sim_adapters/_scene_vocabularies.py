"""How other datasets number and name scene classes, as tables onto ours."""

from typing import Literal

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.scene_class import FINE, LabelSpace, SceneClass

# "scene_class" is ours; its ids 0-18 and 255 are the Cityscapes train ids.
Vocabulary = Literal["scene_class", "cityscapes_label_ids"]

CITYSCAPES: LabelSpace = frozenset(c for c in FINE if c <= SceneClass.BICYCLE)

# Cityscapes label ids 0-33; the ids in between are void and stay unjudged.
CITYSCAPES_LABEL_IDS = {
    7: SceneClass.ROAD,
    8: SceneClass.SIDEWALK,
    11: SceneClass.BUILDING,
    12: SceneClass.WALL,
    13: SceneClass.FENCE,
    17: SceneClass.POLE,
    19: SceneClass.TRAFFIC_LIGHT,
    20: SceneClass.TRAFFIC_SIGN,
    21: SceneClass.VEGETATION,
    22: SceneClass.TERRAIN,
    23: SceneClass.SKY,
    24: SceneClass.PERSON,
    25: SceneClass.RIDER,
    26: SceneClass.CAR,
    27: SceneClass.TRUCK,
    28: SceneClass.BUS,
    31: SceneClass.TRAIN,
    32: SceneClass.MOTORCYCLE,
    33: SceneClass.BICYCLE,
}
LAST_LABEL_ID = 33

# Cityscapes train ids are ours, as far as they go; another of our ids is unknown there.
CITYSCAPES_TRAIN_IDS = {int(c): c for c in sorted(CITYSCAPES)} | {255: SceneClass.IGNORE}

OTHER_NAMES = {
    "pedestrian": SceneClass.PERSON,
    "cyclist": SceneClass.RIDER,
    "motorcyclist": SceneClass.RIDER,
    "bike": SceneClass.BICYCLE,
    "motor": SceneClass.MOTORCYCLE,
    "motorbike": SceneClass.MOTORCYCLE,
    "van": SceneClass.CAR,
}
NAMES = {c.label: c for c in SceneClass} | OTHER_NAMES


def class_table(vocabulary: Vocabulary) -> dict[int, SceneClass]:
    """Every id of the vocabulary with the class that it means."""
    if vocabulary == "scene_class":
        return {int(c): c for c in SceneClass}
    void = dict.fromkeys((*range(LAST_LABEL_ID + 1), 255), SceneClass.IGNORE)
    return {**void, **CITYSCAPES_LABEL_IDS}


def class_of(word: object, vocabulary: Vocabulary, name: str) -> SceneClass:
    """The class that a name, or an id of the vocabulary, means. Raises BadFrame."""
    found = (
        class_table(vocabulary).get(word)
        if isinstance(word, int)
        else NAMES.get(str(word).strip().lower().replace("_", " "))
    )
    if found is None:
        raise BadFrame(Reason.UNKNOWN_CLASS, f"{name}: wanted a scene class, got {word!r}")
    return found
