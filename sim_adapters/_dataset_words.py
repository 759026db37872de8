"""Class words of datasets that anybody may write: VOC, COCO and YOLO files hold words of any kind.

A setting `classes` says what the words mean, as a table or, where we know the words, as a list:

    classes: {lorry: truck, cone: other, ego: ignore}
    classes: [car, person, van]

A word that means `ignore` is left out. Words are compared without case; "_" and "-" are spaces.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated

from pydantic import BeforeValidator

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.scene_class import LabelSpace, SceneClass
from parhelion.sim_adapters._scene_vocabularies import NAMES

ANIMALS = "bird cat dog horse sheep cow elephant bear zebra giraffe"
# Things of COCO (Lin et al. 2014) that are no class of a street scene.
OTHER_THINGS = (
    "airplane, boat, fire hydrant, parking meter, bench, backpack, umbrella, handbag, tie, "
    "suitcase, frisbee, skis, snowboard, sports ball, kite, baseball bat, baseball glove, "
    "skateboard, surfboard, tennis racket, bottle, wine glass, cup, fork, knife, spoon, bowl, "
    "banana, apple, sandwich, orange, broccoli, carrot, hot dog, pizza, donut, cake, chair, couch, "
    "potted plant, bed, dining table, toilet, tv, laptop, mouse, remote, keyboard, cell phone, "
    "microwave, oven, toaster, sink, refrigerator, book, clock, vase, scissors, teddy bear, "
    "hair drier, toothbrush"
)
WORDS: dict[str, SceneClass] = {
    **NAMES,
    **dict.fromkeys(ANIMALS.split(), SceneClass.ANIMAL),
    **dict.fromkeys(OTHER_THINGS.split(", "), SceneClass.OTHER),
    "stop sign": SceneClass.TRAFFIC_SIGN,
}


def bare(word: str) -> str:
    """The word as tables spell it."""
    return word.strip().lower().replace("_", " ").replace("-", " ")


def _meanings(value: object) -> object:
    """The class of each word; what is no word is left to pydantic to judge."""
    if isinstance(value, list | tuple):
        value = {word: word for word in value}
    if not isinstance(value, Mapping):
        return value
    return {
        bare(word) if isinstance(word, str) else word: _meaning(meaning)
        for word, meaning in value.items()
    }


def _meaning(meaning: object) -> object:
    if isinstance(meaning, str):
        if bare(meaning) not in WORDS:
            known = ", ".join(c.label for c in SceneClass)
            raise ValueError(f"{meaning!r} is no scene class; wanted one of {known}")
        return WORDS[bare(meaning)]
    return meaning


# Settings: word -> class, and id -> class.
ClassWords = Annotated[dict[str, SceneClass], BeforeValidator(_meanings)]
ClassIds = dict[int, Annotated[SceneClass, BeforeValidator(_meaning)]]


def class_of_word(word: str, classes: Mapping[str, SceneClass], name: str) -> SceneClass:
    """What a word means by a table. Raises BadFrame that says where to name it."""
    found = classes.get(bare(word))
    if found is None:
        wanted = "a class word that is known or named in `classes`"
        raise BadFrame(Reason.UNKNOWN_CLASS, f"{name}: wanted {wanted}, got {word!r:.60}")
    return found


def label_space_of(classes: Iterable[SceneClass]) -> LabelSpace:
    """The classes among them; what is ignored is not annotated."""
    return frozenset(classes) - {SceneClass.IGNORE}
