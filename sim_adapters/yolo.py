"""Pictures with YOLO's text labels: boxes, polygons or poses, one line per object.

    data.yaml                    names: [car, person] or {0: car, 1: person}
                                 or classes.txt, obj.names: one word per line
    images/train/a_0001.jpg      or train/images/...: the folder `images` may stand anywhere
    labels/train/a_0001.txt      beside it: class x_centre y_centre width height
                                 or:        class x1 y1 x2 y2 x3 y3 ...   (a polygon of its outline)

Everything is a share of the picture's width or height. Without a folder `images`, labels lie beside
their pictures. A picture without labels has no objects; labels without a picture are refused. Of a
polygon the box around it is kept: files of this kind join the parts of an outline by lines that are
not there, so no mask is painted. Weather and hour are not told.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import ClassVar

from pydantic import BaseModel, TypeAdapter

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.contracts import PartConfig
from parhelion.pipeline.frame import SceneObject
from parhelion.pipeline.layers import Box
from parhelion.sim_adapters import _documents as documents
from parhelion.sim_adapters._about import About
from parhelion.sim_adapters._boxes import kept_box
from parhelion.sim_adapters._dataset_words import (
    WORDS,
    ClassWords,
    bare,
    class_of_word,
    label_space_of,
)
from parhelion.sim_adapters._grouping import GroupedConfig
from parhelion.sim_adapters._image_files import IMAGE_SUFFIXES
from parhelion.sim_adapters._listing import walk
from parhelion.sim_adapters._recordings import Content, Entry, Recordings
from parhelion.sim_adapters._source_files import SourceFiles
from parhelion.sim_adapters._stated_sky import StatedSky

NAMES_FILES = (
    *("data.yaml", "data.yml", "dataset.yaml"),
    *("classes.txt", "obj.names", "data/obj.names"),
)
BOX = 4  # numbers after the class
SHORTEST_POLYGON = 6


class YoloConfig(GroupedConfig, StatedSky):
    """Where the dataset lies, what its class numbers and words mean, and its sky."""

    names_file: str = ""  # relative to the root; empty = the first of the usual ones that is there
    names: tuple[str, ...] = ()  # class words in order; empty = as the names file says
    classes: ClassWords = {}  # what words mean that are not known, or mean something else here


class Named(BaseModel):
    """What is read of data.yaml."""

    names: list[str] | dict[int, str]
    kpt_shape: tuple[int, int] | None = None  # of pose labels: points follow each box

    @property
    def words(self) -> dict[int, str]:
        """Class number -> word."""
        return self.names if isinstance(self.names, dict) else dict(enumerate(self.names))


_NAMED = TypeAdapter(Named)


class Yolo(Recordings):
    """Boxes of YOLO's text labels."""

    Config: ClassVar[type[PartConfig]] = YoloConfig
    gives: ClassVar[frozenset[str]] = frozenset({"objects"})
    about: ClassVar[About] = About(
        title="YOLO text labels",
        licence="as the setting `licence` says",
        units={"objects": "class, centre, size as shares of the picture; or a polygon's corners"},
        classes=WORDS,
        label_space=label_space_of(WORDS.values()),
        unverified=(
            "A line of seven numbers or more is a polygon unless data.yaml tells of key points: "
            "pose labels without it cannot be told apart.",
            "The word person is read as persons, though in many sets persons may ride.",
        ),
    )

    config: YoloConfig

    def entries(self) -> Iterable[Entry]:
        found = list(walk(self.root))
        labels = {name for name in found if name.endswith(".txt")}
        folders = {
            os.path.dirname(name) for name in labels if os.path.basename(name) not in NAMES_FILES
        }
        used = set()
        names = {"names": self._names_file} if self._names_file else {}
        for name in found:
            stem, suffix = os.path.splitext(name)
            if suffix.lower() in IMAGE_SUFFIXES:
                label = _label_of(stem)
                used.add(label)
                told = {"labels": label} if label in labels else {}
                if not told and os.path.dirname(label) in folders:
                    # Nothing is in the picture. The folder's time says when labels are added.
                    told = {"labels_folder": os.path.dirname(label)}
                files = {"image": name, **told, **names}
                yield Entry(native_id=name, group=self.config.group_of(stem), files=files)
        for name in labels - used:
            if "labels" in name.split("/")[:-1] and os.path.basename(name) not in NAMES_FILES:
                sentence = f"{name}: wanted a picture for these labels, there is none"
                problem = BadFrame(Reason.MISSING_FILE, sentence)
                yield Entry(native_id=name, group=name, files={"labels": name}, problem=problem)

    def content(self, entry: Entry, files: SourceFiles) -> Content:
        if isinstance(self._named, BadFrame):
            raise BadFrame(self._named.reason, self._named.sentence)
        files.count_in(self._named)
        words, classes = self._named.words, {**WORDS, **self.config.classes}
        has_points = self._named.kpt_shape is not None
        image = files.image()
        height, width = image.shape[:2]
        objects = []
        for line, index, shares in _lines(files) if "labels" in files else ():
            if index not in words:
                wanted = f"a class number that {self._names_file or '`names`'} lists"
                raise BadFrame(Reason.UNKNOWN_CLASS, f"{line}: wanted {wanted}, got {index}")
            category = class_of_word(words[index], classes, line)
            x0, y0, x1, y1 = _box(shares[:BOX] if has_points else shares, line)
            box = (x0 * width, y0 * height, x1 * width, y1 * height)
            kept = kept_box(box, category, (height, width), line, self.dropped)
            if kept is not None:
                objects.append(SceneObject(category=category, box_xyxy=kept))
        annotated = "labels" in files or "labels_folder" in files
        known = (classes[word] for word in map(bare, words.values()) if word in classes)
        return Content(
            image=image,
            conditions=self.config.conditions,
            label_space=label_space_of(known) if annotated else frozenset(),
            objects=tuple(objects),
        )

    @cached_property
    def _names_file(self) -> str:
        """Relative to the root; empty where there is none or the settings name the classes."""
        if self.config.names:
            return ""
        usual = (name for name in NAMES_FILES if (self.root / name).is_file())
        return self.config.names_file or next(usual, "")

    @cached_property
    def _named(self) -> Named | BadFrame:
        """What the settings or the names file say, or what is wrong with them."""
        name = self._names_file
        if self.config.names:
            return Named(names=list(self.config.names))
        if not name:
            wanted = f"one of {', '.join(NAMES_FILES)}, or the setting `names`"
            return BadFrame(Reason.MISSING_FILE, f"class names: wanted {wanted}, got none")
        try:
            data = documents.read_document(self.root, name)
            if name.endswith((".yaml", ".yml")):
                return documents.parse_yaml(data, _NAMED, name)
            return Named(names=documents.parse_text(data, name).rstrip().splitlines())
        except BadFrame as problem:
            return problem


def _label_of(stem: str) -> str:
    """Where the labels of a picture lie: its path with the last folder `images` changed."""
    folders = stem.split("/")
    for i in reversed(range(len(folders) - 1)):
        if folders[i] == "images":
            return "/".join([*folders[:i], "labels", *folders[i + 1 :]]) + ".txt"
    return f"{stem}.txt"


def _lines(files: SourceFiles) -> Iterator[tuple[str, int, list[float]]]:
    """(where it stands, class number, the numbers after it) of each line. Raises BadFrame."""
    for number, line in enumerate(files.text("labels").splitlines(), 1):
        cells = line.split()
        where = f"{files.names['labels']}, line {number}"
        if not cells:
            continue
        try:
            yield where, int(cells[0]), list(map(float, cells[1:]))
        except ValueError as error:
            sentence = f"{where}: wanted a class number and shares, got {line!r:.60}"
            raise BadFrame(Reason.BAD_METADATA, sentence) from error


def _box(shares: Sequence[float], where: str) -> Box:
    """The box (x0, y0, x1, y1), in shares, that four numbers say or that a polygon fills."""
    if len(shares) == BOX:
        x, y, width, height = shares
        return x - width / 2, y - height / 2, x + width / 2, y + height / 2
    if len(shares) >= SHORTEST_POLYGON and len(shares) % 2 == 0:
        xs, ys = shares[::2], shares[1::2]
        return min(xs), min(ys), max(xs), max(ys)
    got = f"{len(shares)} numbers after the class"
    raise BadFrame(Reason.BAD_METADATA, f"{where}: wanted a box or a polygon, got {got}")


PART = Yolo
