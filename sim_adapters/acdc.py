"""ACDC (Sakaridis et al. 2021): driving in fog, at night, in rain and in snow, beside clear days.

    rgb_anon/fog/train/GOPR0475/GOPR0475_frame_000041_rgb_anon.png              1920x1080
    rgb_anon/fog/train_ref/GOPR0475/GOPR0475_frame_000041_rgb_ref_anon.png      the same place
    gt/fog/train/GOPR0475/GOPR0475_frame_000041_gt_{labelTrainIds,labelIds}.png
    gt/fog/train_ref/GOPR0475/GOPR0475_frame_000041_gt_ref_labelTrainIds.png    in later releases

The test split has no labels, and its frames no stencil. A reference picture is a frame of its own,
no twin: it shows the place from another spot, with other cars.
"""

from collections.abc import Iterable
from typing import ClassVar

from parhelion.pipeline.conditions import Conditions, TimeOfDay, Weather
from parhelion.sim_adapters._about import About
from parhelion.sim_adapters._anonymised_drives import REFERENCE, AnonymisedDrives
from parhelion.sim_adapters._condition_words import conditions_in
from parhelion.sim_adapters._recordings import RecordingsConfig
from parhelion.sim_adapters._scene_vocabularies import CITYSCAPES

NIGHT, DAY, CLEAR = "night", "day", "clear"


class AcdcConfig(RecordingsConfig):
    """Where ACDC lies, and what of it is wanted."""

    references: bool = True  # whether the clear days are frames too


class Acdc(AnonymisedDrives):
    """Four thousand frames under four adverse skies, and as many of clear days."""

    Config: ClassVar[type[RecordingsConfig]] = AcdcConfig
    about: ClassVar[About] = About(
        title="ACDC",
        licence="non-commercial",
        units={"stencil": "8-bit PNG of Cityscapes train ids, or of label ids"},
        classes={c.label: c for c in sorted(CITYSCAPES)},
        label_space=CITYSCAPES,
        weathers={
            CLEAR: Weather.CLEAR,
            "fog": Weather.FOGGY,
            "rain": Weather.RAINING,
            "snow": Weather.SNOWING,
            NIGHT: Weather.CLEAR,
        },
        times={DAY: TimeOfDay.DAY, NIGHT: TimeOfDay.NIGHT},
        unverified=(
            "Frames of fog, rain and snow count as day, those of night as clear.",
            "Reference frames count as clear day.",
            "Snow counts as falling, though it may only lie.",
            "Names of reference pictures and of their labels are those that its users report.",
            "GOPR0475, GP010475 and GP020475 count as one recording, and are one group.",
            "The masks of what nobody could see (invIds) are not read.",
        ),
    )

    def places(self) -> Iterable[str]:
        for place in super().places():
            if self.config.references or not place.endswith(REFERENCE):
                yield place

    def sky(self, place: str) -> Conditions:
        condition = place.partition("/")[0]
        if place.endswith(REFERENCE):
            return conditions_in(self.about, CLEAR, DAY, native=place)
        time = NIGHT if condition == NIGHT else DAY
        return conditions_in(self.about, condition, time, native=condition)


PART = Acdc
