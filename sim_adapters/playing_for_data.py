"""Playing for Data (Richter et al. 2016): GTA V pictures with Cityscapes labels.

    images/00001.png    about 1914x1052; numbers have gaps
    labels/00001.png    a palette picture: its indices are Cityscapes label ids, its colours theirs

Some labels have another size than their picture, and two pictures show one colour only: the first
are refused here, the second by the integrity check. Weather and hour are not told.
"""

from collections.abc import Iterable
from typing import ClassVar

from parhelion.pipeline.contracts import PartConfig
from parhelion.pipeline.provenance import Kind
from parhelion.pipeline.scene_class import SceneClass
from parhelion.sim_adapters._about import About
from parhelion.sim_adapters._class_tables import stencil_of
from parhelion.sim_adapters._grouping import numbered_block
from parhelion.sim_adapters._listing import files_under, with_missing
from parhelion.sim_adapters._recordings import Content, Entry, Recordings, RecordingsConfig
from parhelion.sim_adapters._scene_vocabularies import (
    CITYSCAPES,
    CITYSCAPES_LABEL_IDS,
    class_table,
)
from parhelion.sim_adapters._source_files import SourceFiles
from parhelion.sim_adapters._stated_sky import StatedSky

LICENCE_PLATE = 34  # has no id in Cityscapes itself
CLASSES = class_table("cityscapes_label_ids") | {LICENCE_PLATE: SceneClass.IGNORE}
FRAMES_PER_GROUP = 100  # nothing tells of scenes, but neighbours in number are neighbours in time


class PlayingForDataConfig(RecordingsConfig, StatedSky):
    """Where the pictures lie, and what their user knows of the sky."""


class PlayingForData(Recordings):
    """GTA V pictures with Cityscapes labels, 24,966 of them."""

    Config: ClassVar[type[PartConfig]] = PlayingForDataConfig
    gives: ClassVar[frozenset[str]] = frozenset({"stencil"})
    about: ClassVar[About] = About(
        title="Playing for Data",
        kind=Kind.SIMULATED,
        licence="research use; captures of a commercial game",
        units={"stencil": "palette PNG, index = Cityscapes label id"},
        classes={f"id {i}": c for i, c in sorted(CITYSCAPES_LABEL_IDS.items())},
        label_space=CITYSCAPES,
        unverified=(
            f"Licence plates ({LICENCE_PLATE}) and other ids without a train class become IGNORE.",
            f"Frames are grouped by {FRAMES_PER_GROUP} neighbours in number, for want of scenes.",
        ),
    )

    def entries(self) -> Iterable[Entry]:
        labels = files_under(self.root, "labels", ".png")
        images = files_under(self.root, "images", ".png")
        for stem, image in with_missing(images, "images", ".png", labels).items():
            # Listed whether it is there or not: a picture without its labels is a bad frame.
            files = {"image": image, "stencil": labels.get(stem, f"labels/{stem}.png")}
            group = numbered_block(stem, FRAMES_PER_GROUP)
            yield Entry(native_id=stem, group=group, files=files)

    def content(self, entry: Entry, files: SourceFiles) -> Content:
        ids = files.ids("stencil")
        return Content(
            image=files.image(),
            conditions=self.config.conditions,
            stencil=stencil_of(ids, CLASSES, files.names["stencil"]),
            label_space=CITYSCAPES,
        )


PART = PlayingForData
