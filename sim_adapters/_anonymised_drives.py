"""Folders of a drive each, with anonymised pictures and labels, as ACDC and Dark Zurich have them.

    rgb_anon/A/B/GOPR0475/GOPR0475_frame_000041_rgb_anon.png        A/B: fog/train, or train/night
    gt/A/B/GOPR0475/GOPR0475_frame_000041_gt_labelTrainIds.png      or _gt_labelIds

Reference pictures, of the same places on a clear day, have "ref" in the names of folder and file.
A folder that has labels for one picture has them for all: a picture without is a bad frame, and so
is a label without its picture. A folder without labels gives frames without a stencil.

A GoPro cuts one recording into files GOPR0475, GP010475, GP020475 ..., and the official splits cut
such recordings again: the group of a frame is the recording, 0475, in whatever folder it lies.
"""

import re
from abc import abstractmethod
from collections.abc import Iterable, Iterator
from typing import ClassVar

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.conditions import Conditions
from parhelion.sim_adapters._class_tables import stencil_of
from parhelion.sim_adapters._listing import files_under, folders_under
from parhelion.sim_adapters._recordings import Content, Entry, Recordings
from parhelion.sim_adapters._scene_vocabularies import (
    CITYSCAPES,
    CITYSCAPES_TRAIN_IDS,
    class_table,
)
from parhelion.sim_adapters._source_files import SourceFiles

NAME = re.compile(
    r"(?P<stem>.+_frame_\d+)_(?P<ref>ref_)?(?:rgb|gt)_(?P<late_ref>ref_)?"
    r"(?P<kind>anon|labelTrainIds|labelIds)"
)
DRIVE = re.compile(r"(?:GOPR|GP\d\d)(?P<recording>\d{4})(?:_ref)?")
REFERENCE = "_ref"  # ends the name of a split, or of a drive's folder
CLASSES = {  # the first kind that a folder has is read
    "labelTrainIds": CITYSCAPES_TRAIN_IDS,
    "labelIds": class_table("cityscapes_label_ids"),
}


class AnonymisedDrives(Recordings):
    """Base of the adapters of both."""

    gives: ClassVar[frozenset[str]] = frozenset({"stencil"})

    def places(self) -> Iterable[str]:
        """The folders A/B whose drives are read."""
        for outer in folders_under(self.root, "rgb_anon"):
            for inner in folders_under(self.root, f"rgb_anon/{outer}"):
                yield f"{outer}/{inner}"

    @abstractmethod
    def sky(self, place: str) -> Conditions:
        """What the folder A/B says of weather and light."""

    def entries(self) -> Iterable[Entry]:
        for place in self.places():
            for drive in folders_under(self.root, f"rgb_anon/{place}"):
                yield from self._drive(f"{place}/{drive}", recording(drive))

    def content(self, entry: Entry, files: SourceFiles) -> Content:
        conditions = self.sky(entry.native_id.rsplit("/", 2)[0])
        for kind, classes in CLASSES.items():
            if kind in files:
                stencil = stencil_of(files.ids(kind), classes, files.names[kind])
                return Content(
                    image=files.image(),
                    conditions=conditions,
                    stencil=stencil,
                    label_space=CITYSCAPES,
                )
        return Content(image=files.image(), conditions=conditions)

    def _drive(self, folder: str, group: str) -> Iterator[Entry]:
        ref = REFERENCE in folder
        pictures, strange = _by_stem(files_under(self.root, f"rgb_anon/{folder}", ".png"), ref=ref)
        labels, _ = _by_stem(files_under(self.root, f"gt/{folder}", ".png"), ref=ref)
        kind = next((kind for kind in CLASSES if labels.get(kind)), "")
        seen, labelled = pictures.get("anon", {}), labels.get(kind, {})
        for stem in seen.keys() | labelled.keys():
            files = {"image": seen.get(stem, f"rgb_anon/{folder}/{stem}_rgb_anon.png")}
            if kind:
                files[kind] = labelled.get(stem, f"gt/{folder}/{stem}_gt_{kind}.png")
            yield Entry(native_id=f"{folder}/{stem}", group=group, files=files)
        for image in strange:
            wanted = "a name such as GOPR0475_frame_000041_rgb_anon.png"
            problem = BadFrame(Reason.BAD_METADATA, f"{image}: wanted {wanted}, got another")
            yield Entry(native_id=image, group=group, files={"image": image}, problem=problem)


def recording(drive: str) -> str:
    """The recording that a drive's folder is a piece of."""
    found = DRIVE.fullmatch(drive)
    return f"GOPR{found['recording']}" if found else drive.removesuffix("_ref")


def _by_stem(files: dict[str, str], *, ref: bool) -> tuple[dict[str, dict[str, str]], list[str]]:
    """{kind: {stem: path}}, and the paths of other names.

    Reference or not, names must be what their folder is: adverse and reference stems are the same.
    """
    found: dict[str, dict[str, str]] = {}
    strange = []
    for name, path in files.items():
        told = NAME.fullmatch(name)
        if told is None or bool(told["ref"] or told["late_ref"]) != ref:
            strange.append(path)
        else:
            found.setdefault(told["kind"], {})[told["stem"]] = path
    return found, strange
