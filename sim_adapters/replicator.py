"""Omniverse Replicator, as its BasicWriter writes it.

    rgb_0000.png                         RGBA
    semantic_segmentation_0000.png       RGBA colours, or ids in 16 bits where not colourised
    semantic_segmentation_labels_0000.json            {"(140, 25, 255, 255)": {"class": "car"}}
    instance_segmentation_0000.png, instance_segmentation_mapping_0000.json
    bounding_box_2d_tight_0000.npy       records; ..._labels_0000.json, ..._prim_paths_0000.json
    distance_to_image_plane_0000.npy     float32, or distance_to_camera_0000.npy, along the ray
    camera_params_0000.json

A sequence prefix stands before the number (rgb_2_0000.png). Of several render products each has a
folder, and in it one per annotator (Camera_2/rgb/rgb_0000.png). Transparent black is background,
opaque black is unlabelled. Class names are the project's own: the setting `classes` says what they
mean. Weather and hour are not told.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.contracts import PartConfig
from parhelion.pipeline.frame import Camera, Depth, SceneObject, Stencil
from parhelion.pipeline.provenance import Kind
from parhelion.pipeline.scene_class import SceneClass
from parhelion.sim_adapters import _replicator_documents as documents
from parhelion.sim_adapters._about import About
from parhelion.sim_adapters._boxes import kept_box
from parhelion.sim_adapters._class_tables import stencil_of
from parhelion.sim_adapters._colour_runs import ids_of_colours
from parhelion.sim_adapters._dataset_words import WORDS, ClassWords, bare, label_space_of
from parhelion.sim_adapters._documents import parse_json, read_document
from parhelion.sim_adapters._grouping import GroupedConfig
from parhelion.sim_adapters._listing import walk
from parhelion.sim_adapters._ray_depth import planar_depth
from parhelion.sim_adapters._recordings import Content, Entry, Recordings
from parhelion.sim_adapters._source_files import SourceFiles
from parhelion.sim_adapters._stated_sky import StatedSky

PICTURE = re.compile(r"rgb_((?:\d+_)?\d+)\.(?:png|jpg|jpeg)")
# Layer: folder of its annotator (of several render products), first part of its name, suffix.
LAYERS = {
    "semantic": ("semantic_segmentation", "semantic_segmentation", "png"),
    "semantic_labels": ("semantic_segmentation", "semantic_segmentation_labels", "json"),
    "instance": ("instance_segmentation", "instance_segmentation", "png"),
    "instance_paths": ("instance_segmentation", "instance_segmentation_mapping", "json"),
    "boxes": ("bounding_box_2d_tight", "bounding_box_2d_tight", "npy"),
    "box_labels": ("bounding_box_2d_tight", "bounding_box_2d_tight_labels", "json"),
    "box_paths": ("bounding_box_2d_tight", "bounding_box_2d_tight_prim_paths", "json"),
    "depth": ("distance_to_image_plane", "distance_to_image_plane", "npy"),
    "range": ("distance_to_camera", "distance_to_camera", "npy"),
    "camera": ("camera_params", "camera_params", "json"),
}
ANNOTATORS = frozenset(annotator for annotator, _, _ in LAYERS.values())
LABEL = re.compile(
    f"(?:{'|'.join(stem for _, stem, _ in LAYERS.values())})_((?:\\d+_)?\\d+)\\.(?:png|json|npy)"
)
NEEDS = {"semantic": "semantic_labels", "instance": "instance_paths", "boxes": "box_labels"}
NOTHING = ("background", "unlabelled")
BOX_FIELDS = ("semanticId", "x_min", "y_min", "x_max", "y_max")


class ReplicatorConfig(GroupedConfig, StatedSky):
    """Where the output lies, and what its class names mean."""

    classes: ClassWords = {}  # word -> class; name all that the project labels
    semantic_type: str = "class"  # of several kinds of labels, the one that names classes
    box_max_inclusive: bool = True  # whether x_max and y_max are pixels of the object


class Replicator(Recordings):
    """Frames of BasicWriter, one per render product and number."""

    Config: ClassVar[type[PartConfig]] = ReplicatorConfig
    gives: ClassVar[frozenset[str]] = frozenset(
        {"stencil", "instances", "depth", "objects", "camera"}
    )
    about: ClassVar[About] = About(
        title="Omniverse Replicator (BasicWriter)",
        kind=Kind.SIMULATED,
        licence="the project's own",
        units={
            "stencil": "RGBA colours or 16-bit ids, named beside each; unlabelled is ignored",
            "instances": "RGBA colours or 16-bit ids; colours are numbered in their order",
            "depth": ".npy of float32, to the image plane, or along the ray and made planar",
            "objects": "records of whole pixels; visibility = 1 - occlusionRatio",
            "camera": "focal length, aperture and view matrix; pixels are square",
        },
        classes=WORDS,
        label_space=label_space_of(WORDS.values()),
        unverified=(
            "BasicWriter's code was not at hand; all of this agrees among its readers.",
            "x_max and y_max are the last pixels of a box (setting `box_max_inclusive`).",
            "Depth is in metres, and infinite where no surface was hit.",
            "View matrices act on rows and lead to axes with y up that look along -z.",
            "A camera with a shifted aperture or another lens than a pinhole has no intrinsics.",
            "The label space is what the setting `classes` and all label files name together; it "
            "is read with the first frame, and frames read before others came keep theirs.",
            "Frames without a sequence prefix are grouped by neighbours in number.",
        ),
    )

    def entries(self) -> Iterable[Entry]:
        there = set(walk(self.root))
        pictures: dict[tuple[str, str], str] = {}  # by folder and key
        labelled: dict[tuple[str, str], str] = {}  # where the pictures of labels should be
        for path in there:
            folder, _, name = path.rpartition("/")
            if found := PICTURE.fullmatch(name):
                pictures[folder, found[1]] = path
            elif found := LABEL.fullmatch(name):
                above, _, last = folder.rpartition("/")
                apart = last in ANNOTATORS
                place = "/".join(part for part in (above, "rgb") if part) if apart else folder
                picture = f"rgb_{found[1]}.png"
                labelled[place, found[1]] = f"{place}/{picture}" if place else picture
        fetched = {folder for folder, _ in pictures}  # a folder without any picture was not
        missing = {at: path for at, path in labelled.items() if at[0] in fetched}
        for (folder, key), path in (missing | pictures).items():
            yield self._entry(path, folder, key, there)

    def _entry(self, path: str, folder: str, key: str, there: set[str]) -> Entry:
        above, _, last = folder.rpartition("/")
        apart = last == "rgb"  # each annotator has a folder of its own
        product = above if apart else folder
        files = {"image": path}
        for layer, (annotator, stem, suffix) in LAYERS.items():
            place = "/".join(part for part in (product, annotator if apart else "") if part)
            file = f"{place}/{stem}_{key}.{suffix}" if place else f"{stem}_{key}.{suffix}"
            if file in there:
                files[layer] = file
        # All cameras of a moment belong together, and all moments of a sequence.
        run = product.rpartition("/")[0] if apart else product
        sequence = key.rpartition("_")[0]
        moment = f"{run}/{sequence or key}" if run else sequence or key
        told = self.config.group_pattern is not None
        group = moment if sequence and not told else self.config.group_of(moment)
        native_id = f"{product}/{key}" if product else key
        return Entry(native_id=native_id, group=group, files=files)

    def content(self, entry: Entry, files: SourceFiles) -> Content:
        for layer, needed in NEEDS.items():
            if layer in files and needed not in files:
                wanted = f"{LAYERS[needed][1]} beside it, it is not there"
                raise BadFrame(Reason.MISSING_FILE, f"{files.names[layer]}: wanted {wanted}")
        image = files.image()
        known: dict[str, Any] = {"conditions": self.config.conditions}
        camera = self._camera(files, image.shape[:2])
        classes: set[SceneClass] = set()
        prims: dict[str, int] = {}
        if "semantic" in files:
            known["stencil"] = self._stencil(files, classes)
        if "instance" in files:
            known["instances"], prims = _instances(files)
        if "boxes" in files:
            known["objects"] = tuple(self._objects(files, image.shape[:2], prims, classes))
        if known.keys() & {"stencil", "objects"}:
            space = label_space_of([*classes, *self._annotated, *self.config.classes.values()])
            files.count_in(sorted(space))
            known["label_space"] = space
        if "depth" in files or "range" in files:
            known["depth"] = _depth(files, camera)
        return Content(image=image, camera=camera, **known)

    @cached_property
    def _annotated(self) -> frozenset[SceneClass]:
        """What all label files name together; equal ones, as most are, are taken apart once.

        A broken one and a word that nobody knows are matters of their frames.
        """
        texts: dict[bytes, str] = {}
        for entry in self._entries.values():
            for layer in entry.files.keys() & set(NEEDS.values()) - {"instance_paths"}:
                with suppress(BadFrame):
                    name = entry.files[layer]
                    texts.setdefault(read_document(self.root, name), name)
        found: set[SceneClass] = set()
        for data, name in texts.items():
            with suppress(BadFrame):
                labels = parse_json(data, documents.LABELS, name)
                for told in labels.values():
                    with suppress(BadFrame):
                        found.add(self._class(told, name))
        return frozenset(found)

    def _camera(self, files: SourceFiles, size: tuple[int, ...]) -> Camera | None:
        if "camera" not in files:
            return None
        params = files.document("camera", documents.CAMERA)
        return documents.camera_of(params, size, files.names["camera"])

    def _class(self, labels: dict[str, str], name: str) -> SceneClass:
        """Of a label whole, else of the first part of it that is known; parts stand by commas."""
        word = labels.get(self.config.semantic_type, "")
        table: dict[str, SceneClass] = {
            **WORDS,
            **dict.fromkeys(NOTHING, SceneClass.IGNORE),
            **self.config.classes,
        }
        for part in (word, *word.split(",")):
            if bare(part) in table:
                return table[bare(part)]
        wanted = f"a {self.config.semantic_type} that is known or named in `classes`"
        got = word or ", ".join(labels) or "none"
        raise BadFrame(Reason.UNKNOWN_CLASS, f"{name}: wanted {wanted}, got {got!r:.60}")

    def _stencil(self, files: SourceFiles, classes: set[SceneClass]) -> Stencil:
        labels, name = files.document("semantic_labels", documents.LABELS), files.names["semantic"]
        keys = documents.keys_of(labels, files.names["semantic_labels"])
        meant = {
            keys[word]: self._class(told, files.names["semantic_labels"])
            for word, told in labels.items()
        }
        classes.update(meant.values())
        colours = {key: int(c) for key, c in meant.items() if isinstance(key, tuple)}
        if colours:
            return ids_of_colours(files.channels("semantic"), colours, name).astype(np.uint8)
        ids = {key: c for key, c in meant.items() if isinstance(key, int)}
        return stencil_of(files.ids("semantic"), ids, name)

    def _objects(
        self,
        files: SourceFiles,
        size: tuple[int, int],
        prims: dict[str, int],
        classes: set[SceneClass],
    ) -> Iterator[SceneObject]:
        labels, name = files.document("box_labels", documents.LABELS), files.names["boxes"]
        paths = files.document("box_paths", documents.PRIMS) if "box_paths" in files else []
        past = 1 if self.config.box_max_inclusive else 0
        meant = {word: self._class(told, name) for word, told in labels.items()}
        classes.update(meant.values())
        for i, row in enumerate(_records(files.npy("boxes"), name)):
            number, x0, y0, x1, y1, occluded = row
            category = meant.get(str(int(number)))
            if category is None:
                sentence = f"{name}: wanted semanticIds of its labels, got {int(number)}"
                raise BadFrame(Reason.UNKNOWN_CLASS, sentence)
            box = kept_box((x0, y0, x1 + past, y1 + past), category, size, name, self.dropped)
            if box is not None:
                yield SceneObject(
                    category=category,
                    instance=prims.get(paths[i]) if i < len(paths) else None,
                    box_xyxy=box,
                    visibility=1 - occluded if 0 <= occluded <= 1 else None,
                )


def _records(values: NDArray[Any], name: str) -> Iterator[tuple[float, ...]]:
    """Rows of boxes as numbers: id, x_min, y_min, x_max, y_max, share occluded (nan: unknown)."""
    fields: Mapping[str, Any] = values.dtype.fields or {}
    kinds = {
        field: fields[field][0] for field in (*BOX_FIELDS, "occlusionRatio") if field in fields
    }
    plain = all(kind.kind in "iuf" for kind in kinds.values())
    if values.ndim != 1 or not plain or not kinds.keys() >= set(BOX_FIELDS):
        got = f"{values.dtype} {values.shape}"
        sentence = f"{name}: wanted records of {', '.join(BOX_FIELDS)}, got {got:.120}"
        raise BadFrame(Reason.WRONG_TYPE, sentence)
    columns = [values[field].astype(np.float64) for field in BOX_FIELDS]
    if not all(np.isfinite(column).all() for column in columns):
        raise BadFrame(Reason.BAD_METADATA, f"{name}: wanted finite numbers, got others")
    unknown = np.full(len(values), np.nan)
    share = values["occlusionRatio"].astype(np.float64) if len(kinds) == 6 else unknown
    return zip(*(column.tolist() for column in (*columns, share)), strict=True)


def _instances(files: SourceFiles) -> tuple[NDArray[np.int32], dict[str, int]]:
    """Ids (H, W), and the id of each prim; background and what has no label are 0."""
    told, name = files.document("instance_paths", documents.PATHS), files.names["instance"]
    keys = documents.keys_of(told, files.names["instance_paths"])
    things = {keys[word]: path for word, path in told.items() if bare(path) not in NOTHING}
    colours = sorted(key for key in keys.values() if isinstance(key, tuple))
    if colours:
        numbers = {key: i for i, key in enumerate((c for c in colours if c in things), start=1)}
        ids = {key: numbers.get(key, 0) for key in colours}
        made = ids_of_colours(files.channels("instance"), ids, name)
        return made, {things[key]: i for key, i in numbers.items()}
    values = files.ids("instance").astype(np.int32)
    for key in keys.values():
        if isinstance(key, int) and key not in things:
            values[values == key] = 0
    return values, {path: key for key, path in things.items() if isinstance(key, int) and key}


def _depth(files: SourceFiles, camera: Camera | None) -> Depth:
    layer = "depth" if "depth" in files else "range"
    values, name = files.npy(layer), files.names[layer]
    if values.ndim != 2 or values.dtype.kind != "f":
        got = f"{values.dtype} {values.shape}"
        raise BadFrame(Reason.WRONG_TYPE, f"{name}: wanted float32 (H, W), got {got:.80}")
    depth = values.astype(np.float32)
    return depth if layer == "depth" else planar_depth(depth, camera, name)


PART = Replicator
