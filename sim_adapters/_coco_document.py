"""COCO's annotation files: where each record lies, so that it is parsed when it is wanted."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, TypeAdapter

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.sim_adapters import _documents as documents
from parhelion.sim_adapters._json_records import Span, record_spans, records_at

_A_MASK = re.compile(rb'"segmentation"\s*:\s*[\[{]\s*[^\]\s]')  # no empty list, no null
Id = Annotated[int, Field(ge=-(1 << 62), lt=1 << 62)]
Pixels = Annotated[float, Field(ge=-1e6, le=1e6)]
Count = Annotated[int, Field(ge=0, lt=1 << 40)]


class PictureKey(BaseModel):
    """What the index needs of a picture's record."""

    id: Id
    file_name: str


class Attributes(BaseModel):
    """What some writers add to a picture's record; COCO itself tells of no sky."""

    weather: str = ""
    timeofday: str = ""


class Picture(PictureKey):
    """An item of `images`."""

    width: int | None = None
    height: int | None = None
    attributes: Attributes = Attributes()


class Runs(BaseModel):
    """A mask as runs, column after column."""

    size: tuple[int, int]  # height, width
    counts: list[Count] | str  # plain or packed


class AnnotationKey(BaseModel):
    """What the index needs of an annotation."""

    image_id: Id


Mask = list[list[Pixels]] | Runs | None  # polygons, runs, or none


class Annotation(AnnotationKey):
    """An item of `annotations`: one object."""

    category_id: Id
    bbox: tuple[Pixels, Pixels, Pixels, Pixels]  # x, y, width, height, from 0
    segmentation: Mask = None
    iscrowd: bool = False


class Category(BaseModel):
    """An item of `categories`."""

    id: Id
    name: str


_PICTURE, _PICTURE_KEY = TypeAdapter(Picture), TypeAdapter(PictureKey)
_ANNOTATION, _ANNOTATION_KEY = TypeAdapter(Annotation), TypeAdapter(AnnotationKey)
_CATEGORY = TypeAdapter(Category)


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a document tells of one picture."""

    picture: Picture
    annotations: tuple[Annotation, ...]  # in the file's order
    text: tuple[str, ...]  # the same records as they stand


@dataclass(frozen=True, kw_only=True, eq=False)
class CocoDocument:
    """One file of annotations, its records not held but found again by their places."""

    root: Path
    name: str
    categories: Mapping[int, str]
    pictures: Mapping[str, tuple[int, Span]]  # id and place by file name
    problems: Mapping[str, BadFrame]  # by what they are of
    image_ids: NDArray[np.int64]  # (n,) of each annotation, sorted
    spans: NDArray[np.int64]  # (n, 2) of each annotation, in the same order
    has_masks: bool  # whether any annotation has a segmentation

    def told(self, file_name: str) -> Told:
        """All of one picture's records. Raises BadFrame."""
        image_id, place = self.pictures[file_name]
        low, high = np.searchsorted(self.image_ids, [image_id, image_id + 1])
        spans = [place, *((int(start), int(end)) for start, end in self.spans[low:high])]
        whole, *parts = records_at(self.root, self.name, spans)
        picture = documents.parse_json(whole, _PICTURE, f"{self.name}, image {file_name}")
        found = [
            documents.parse_json(part, _ANNOTATION, f"{self.name}, annotation at byte {start}")
            for part, (start, _) in zip(parts, spans[1:], strict=True)
        ]
        ids = {picture.id, *(one.image_id for one in found)}
        if picture.file_name != file_name or ids != {image_id}:
            got = f"another one at image {file_name}"
            sentence = f"{self.name}: wanted the file of the index, got {got}"
            raise BadFrame(Reason.BAD_METADATA, sentence)
        text = tuple(record.decode(errors="replace") for record in (whole, *parts))
        return Told(picture=picture, annotations=tuple(found), text=text)


def read_coco(root: Path, name: str) -> CocoDocument:
    """The document at a path relative to `root`. Raises BadFrame where it is none."""
    spans = record_spans(root, name, "categories")
    categories = [
        documents.parse_json(data, _CATEGORY, f"{name}, categories")
        for data in records_at(root, name, spans)
    ]
    problems: dict[str, BadFrame] = {}
    pictures = _pictures(root, name, problems)
    if not pictures and not problems:
        raise BadFrame(Reason.BAD_METADATA, f"{name}: wanted pictures in `images`, got none")
    image_ids, places, has_masks = _annotations(root, name, problems)
    listed = [image_id for image_id, _ in pictures.values()]
    for lost in np.setdiff1d(image_ids, listed).tolist():
        sentence = f"{name}: wanted a picture {lost} for its annotations, `images` lists none"
        problems[f"annotations of image {lost}"] = BadFrame(Reason.MISSING_FILE, sentence)
    order = np.argsort(image_ids, kind="stable")
    return CocoDocument(
        root=root,
        name=name,
        categories={category.id: category.name for category in categories},
        pictures=pictures,
        problems=problems,
        image_ids=image_ids[order],
        spans=places[order],
        has_masks=has_masks,
    )


def _pictures(root: Path, name: str, problems: dict[str, BadFrame]) -> dict[str, tuple[int, Span]]:
    """Ids and places by file name."""
    spans = record_spans(root, name, "images")
    found: dict[str, tuple[int, Span]] = {}
    ids: set[int] = set()
    for span, data in zip(spans, records_at(root, name, spans), strict=True):
        where = f"image at byte {span[0]}"
        try:
            key = documents.parse_json(data, _PICTURE_KEY, f"{name}, {where}")
        except BadFrame as problem:
            problems[where] = problem
            continue
        if key.file_name in found or key.id in ids:
            sentence = f"{name}, {where}: wanted each id and file once, got {key.file_name} again"
            problems[where] = BadFrame(Reason.DUPLICATE_ID, sentence)
            continue
        found[key.file_name] = key.id, span
        ids.add(key.id)
    return found


def _annotations(
    root: Path, name: str, problems: dict[str, BadFrame]
) -> tuple[NDArray[np.int64], NDArray[np.int64], bool]:
    """Image ids (n,) and places (n, 2) in the file's order, and whether any has a mask."""
    spans = record_spans(root, name, "annotations")
    ids = np.zeros(len(spans), dtype=np.int64)
    readable = np.ones(len(spans), dtype=np.bool_)
    has_masks = False
    for i, data in enumerate(records_at(root, name, spans)):
        where = f"annotation at byte {spans[i][0]}"
        has_masks = has_masks or _A_MASK.search(data) is not None
        try:
            ids[i] = documents.parse_json(data, _ANNOTATION_KEY, f"{name}, {where}").image_id
        except BadFrame as problem:
            problems[where], readable[i] = problem, False
    places = np.array(spans, dtype=np.int64).reshape(-1, 2)
    return ids[readable], places[readable], has_masks
