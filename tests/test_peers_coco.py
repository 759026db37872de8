"""COCO's own tools, Datumaro and Supervision see in the same files what we see.

Boxes, classes and masks of runs are equal. Polygons are drawn in three ways. We fill the pixels
whose centres lie inside. pycocotools rounds the outline on a grid five times as fine: a pixel on
which it differs from us has its centre within a quarter of a pixel of the outline. Supervision
rounds the corners and paints the outline too, a row and a column too many: not compared. Datumaro
keeps the corners. Its reader "coco" wants pictures in `images`; "mmdet_coco" is the same for COCO's
own folders.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from peer_readers import mask_of, told_by
from recordings import HEIGHT, WIDTH, save, street_pixels
from recordings import coco as recording

from parhelion.pipeline.frame import Frame
from parhelion.pipeline.scene_class import SceneClass
from parhelion.pipeline.seeds import rng
from parhelion.sim_adapters._dataset_words import WORDS
from parhelion.sim_adapters.coco import Coco, CocoConfig

pytestmark = pytest.mark.peer
TOLERANCE = 0.25  # pixels between an outline and the centre of a pixel that may go either way


def frames(folder: Path) -> dict[str, Frame]:
    """Ours, by file name."""
    source = Coco(CocoConfig(path=folder))
    return {Path(ref.native_id).name: source.read(ref) for ref in source.index()}


def test_things_are_those_of_pycocotools(tmp_path: Path) -> None:
    recording.write(tmp_path)
    told = told_by("pycocotools", tmp_path)
    ours = frames(tmp_path)
    assert ours.keys() == told.keys()
    for name, frame in ours.items():
        things = [(i, one) for i, one in enumerate(told[name], 1) if not one["crowd"]]
        assert [(o.category, o.instance, o.box_xyxy) for o in frame.objects] == [
            (WORDS[one["category"]], i, corners(one["bbox"])) for i, one in things
        ]
        for i, one in things:
            mask = frame.instances == i
            assert set(frame.stencil[mask]) == {WORDS[one["category"]]}
            check_outlined(mask, mask_of(one, frame), one["polygons"])
        assert set(frame.stencil[frame.instances == 0]) == {SceneClass.IGNORE}  # the crowd, too


def check_outlined(
    ours: NDArray[np.bool_], theirs: NDArray[np.bool_], parts: Sequence[Sequence[float]]
) -> None:
    """That two masks (H, W) differ at the outlines only; without any outline, nowhere."""
    rows, columns = np.nonzero(ours != theirs)
    centres = np.stack([columns, rows], axis=1) + 0.5
    far = np.ones(len(rows), dtype=np.bool_)
    for part in parts:
        far &= distances(centres, part) > TOLERANCE
    assert not far.any()


def distances(points: NDArray[np.float64], polygon: Sequence[float]) -> NDArray[np.float64]:
    """Of points (n, 2) to the nearest edge of a polygon x, y, x, y, ..., all in pixels."""
    start = np.reshape(polygon, (-1, 2))
    edge = np.roll(start, -1, axis=0) - start
    along = ((points[:, None] - start) * edge).sum(axis=-1) / (edge**2).sum(axis=-1)
    nearest = start + along.clip(0, 1)[..., None] * edge
    return np.linalg.norm(nearest - points[:, None], axis=-1).min(axis=1)


def corners(bbox: Sequence[float]) -> tuple[float, ...]:
    """Of a box x, y, width, height."""
    x, y, width, height = bbox
    return x, y, x + width, y + height


def write_alone(folder: Path, masks: Sequence[Any]) -> None:
    """A car in every picture, with one of the masks."""
    pictures = [recording.picture(i) for i in range(1, len(masks) + 1)]
    for one in pictures:
        save(folder / f"val2017/{one['file_name']}", street_pixels(one["id"]))
    whole = (0, 0, WIDTH, HEIGHT)
    cars = [recording.annotation(i, 3, whole, mask) for i, mask in enumerate(masks, 1)]
    recording.write_document(folder, pictures, cars)


def drawn_by_both(folder: Path) -> list[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """Ours and pycocotools' masks (H, W) of what `write_alone` wrote."""
    told = told_by("pycocotools", folder)
    made = [
        (frame.instances == 1, mask_of(told[name][0], frame))
        for name, frame in frames(folder).items()
    ]
    assert len(made) == len(told)
    return made


def test_runs_are_equal_to_the_pixel(tmp_path: Path) -> None:
    masks = [recording.rectangle(0, 0, WIDTH, HEIGHT), recording.rectangle(0, 0, 0, 0)]
    for seed in range(20):
        random = rng("tests.peers.coco.runs", seed)
        masks.append(random.random((HEIGHT, WIDTH)) < random.random())
        masks.append(np.kron(random.random((4, 6)) < 0.5, np.ones((8, 8))).astype(np.bool_))
    size, runs = [HEIGHT, WIDTH], [recording.runs_of(mask) for mask in masks]
    plain = [{"size": size, "counts": one} for one in runs]
    packed = [{"size": size, "counts": recording.packed_text(one)} for one in runs]
    write_alone(tmp_path, [*plain, *packed])
    both = drawn_by_both(tmp_path)
    for (ours, theirs), written in zip(both, [*masks, *masks], strict=True):
        assert np.array_equal(ours, theirs)
        assert np.array_equal(ours, written)


def outline(seed: int) -> list[list[float]]:
    """One part or two, of any shape, some of it beyond the picture."""
    random = rng("tests.peers.coco.polygons", seed)
    sizes = random.integers(3, 10, 1 + seed % 2)
    beyond = [WIDTH + 6, HEIGHT + 6]
    return [random.uniform(-6, beyond, (n, 2)).round(2).ravel().tolist() for n in sizes]


def test_polygons_differ_within_a_quarter_of_a_pixel_of_their_outlines(tmp_path: Path) -> None:
    outlines = [outline(seed) for seed in range(100)]
    write_alone(tmp_path, outlines)
    differing = drawn = 0
    for parts, (ours, theirs) in zip(outlines, drawn_by_both(tmp_path), strict=True):
        check_outlined(ours, theirs, parts)
        differing, drawn = differing + int((ours != theirs).sum()), drawn + int(theirs.sum())
    assert 0 < differing < drawn / 20


def test_whole_numbered_rectangles_are_equal_to_the_pixel(tmp_path: Path) -> None:
    boxes = [(0, 0, WIDTH, HEIGHT), (3, 5, 4, 6), (40, 20, WIDTH, 31), (7, 0, 19, 12)]
    write_alone(tmp_path, [[[x0, y0, x1, y0, x1, y1, x0, y1]] for x0, y0, x1, y1 in boxes])
    for box, (ours, theirs) in zip(boxes, drawn_by_both(tmp_path), strict=True):
        assert np.array_equal(ours, theirs)
        assert np.array_equal(ours, recording.rectangle(*box))


@pytest.mark.parametrize(("place", "name"), [("", "mmdet_coco"), ("images", "coco")])
def test_boxes_classes_and_runs_are_those_of_datumaro(
    place: str, name: str, tmp_path: Path
) -> None:
    recording.write(tmp_path)
    (tmp_path / place).mkdir(exist_ok=True)
    (tmp_path / "val2017").rename(tmp_path / place / "val2017")
    pictures = told_by("datumaro", tmp_path, name)["pictures"]
    ours = frames(tmp_path)
    assert len(pictures) == len(ours)
    for theirs in pictures:
        frame = ours[Path(theirs["picture"]).name]
        boxes = [one for one in theirs["boxes"] if not one["flags"]["is_crowd"]]
        assert sorted((o.category, o.box_xyxy) for o in frame.objects) == sorted(
            (WORDS[one["label"]], tuple(one["box"])) for one in boxes
        )
        for one in theirs["masks"]:
            mask = mask_of(one, frame)
            (number,) = set(frame.instances[mask].tolist())
            if one["flags"]["is_crowd"]:
                assert number == 0
                continue
            assert np.array_equal(frame.instances == number, mask)
            assert set(frame.stencil[mask]) == {WORDS[one["label"]]}


def test_boxes_classes_and_runs_are_those_of_supervision(tmp_path: Path) -> None:
    recording.write(tmp_path)
    told = told_by("supervision", tmp_path, "coco")
    ours = frames(tmp_path)
    assert len(told) == len(ours)
    for path, theirs in told.items():
        frame = ours[Path(path).name]
        things = [(i, one) for i, one in enumerate(theirs, 1) if not one["crowd"]]
        assert [(o.category, o.instance, o.box_xyxy) for o in frame.objects] == [
            (WORDS[one["label"]], i, tuple(one["box"])) for i, one in things
        ]
    persons = told["val2017/000000000139.jpg"][0], ours["000000000139.jpg"]
    assert np.array_equal(persons[1].instances == 1, mask_of(*persons))
