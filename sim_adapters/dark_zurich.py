"""Dark Zurich (Sakaridis et al. 2019): drives through one city by day, in twilight and at night.

    rgb_anon/train/{day,twilight,night}/GOPR0345/GOPR0345_frame_000042_rgb_anon.png   1920x1080
    rgb_anon/val/night/GOPR0356/GOPR0356_frame_000321_rgb_anon.png
    rgb_anon/val_ref/day/GOPR0356_ref/GOPR0356_frame_000321_ref_rgb_anon.png          the same place
    gt/val/night/GOPR0356/GOPR0356_frame_000321_gt_{labelTrainIds,labelIds}.png

Only the nights of val have labels; all other frames have no stencil.
"""

from typing import ClassVar

from parhelion.pipeline.conditions import Conditions, TimeOfDay
from parhelion.sim_adapters._about import About
from parhelion.sim_adapters._anonymised_drives import AnonymisedDrives
from parhelion.sim_adapters._condition_words import conditions_in
from parhelion.sim_adapters._recordings import RecordingsConfig
from parhelion.sim_adapters._scene_vocabularies import CITYSCAPES
from parhelion.sim_adapters._stated_sky import StatedSky


class DarkZurichConfig(RecordingsConfig, StatedSky):
    """Where Dark Zurich lies, and what its user knows of the weather."""


class DarkZurich(AnonymisedDrives):
    """Frames of three times of day, of which some nights have labels."""

    Config: ClassVar[type[RecordingsConfig]] = DarkZurichConfig
    about: ClassVar[About] = About(
        title="Dark Zurich",
        licence="non-commercial",
        units={"stencil": "8-bit PNG of Cityscapes train ids, or of label ids"},
        classes={c.label: c for c in sorted(CITYSCAPES)},
        label_space=CITYSCAPES,
        times={
            "day": TimeOfDay.DAY,
            "twilight": TimeOfDay.DUSK,
            "night": TimeOfDay.NIGHT,
        },
        unverified=(
            "Twilight counts as dusk; whether some of it is dawn is not told.",
            "Nothing is told of the weather: it is unknown unless the setting `weather` names it.",
            "Drives of different hours pass the same places; only pieces of one recording, such as "
            "GOPR0356 and GP010356, are one group.",
        ),
    )

    def sky(self, place: str) -> Conditions:
        time = place.rpartition("/")[2]
        told: Conditions = self.config.completed(conditions_in(self.about, time=time))
        return told


PART = DarkZurich
