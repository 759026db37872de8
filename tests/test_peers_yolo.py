"""Datumaro and Supervision see in the same YOLO labels what we see.

Supervision reads boxes and polygons, in single precision. Datumaro rounds to a hundredth of a
pixel. It reads lines of five numbers only and refuses a file that holds a polygon; a picture
without labels it does not list.
"""

from pathlib import Path
from typing import Any

import pytest
from peer_readers import told_by
from recordings import save, street_pixels
from recordings import yolo as recording

from parhelion.pipeline.frame import Frame
from parhelion.pipeline.seeds import rng
from parhelion.sim_adapters._dataset_words import WORDS
from parhelion.sim_adapters.yolo import Yolo, YoloConfig

pytestmark = pytest.mark.peer
WIDTH, HEIGHT = 37, 23  # whose shares are no round numbers
SINGLE, HUNDREDTHS = 1e-5, 0.005 + 1e-5  # pixels by which a reader's boxes may differ


def frames(folder: Path) -> dict[str, Frame]:
    """Ours, by path relative to the folder."""
    source = Yolo(YoloConfig(path=folder))
    return {ref.native_id: source.read(ref) for ref in source.index()}


def write_many(folder: Path, *, polygons: bool) -> None:
    """The recording, and three pictures of ten boxes each; or of boxes and polygons by turns."""
    recording.write(folder)
    for number in range(3):
        random = rng("tests.peers.yolo", number)
        save(folder / f"images/val/many_{number}.png", street_pixels(number, WIDTH, HEIGHT))
        lines = []
        for i in range(10):
            (x0, x1), (y0, y1) = sorted(random.random(2)), sorted(random.random(2))
            shares = [(x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0]
            if polygons and i % 2:
                shares = random.random(2 * random.integers(3, 7)).tolist()
            lines.append(" ".join([str(random.integers(3)), *(f"{share:.6f}" for share in shares)]))
        labels = folder / f"labels/val/many_{number}.txt"
        labels.parent.mkdir(parents=True, exist_ok=True)
        labels.write_text("\n".join(lines))


def check(frame: Frame, told: list[dict[str, Any]], tolerance: float) -> None:
    """That the boxes are those, in their order."""
    assert len(frame.objects) == len(told)
    for ours, theirs in zip(frame.objects, told, strict=True):
        assert ours.category is WORDS[theirs["label"]]
        assert ours.box_xyxy == pytest.approx(theirs["box"], abs=tolerance, rel=0)


def test_boxes_and_polygons_are_those_of_supervision(tmp_path: Path) -> None:
    write_many(tmp_path, polygons=True)
    told = told_by("supervision", tmp_path, "yolo")
    ours = frames(tmp_path)
    assert ours.keys() == told.keys()
    assert sum(len(frame.objects) for frame in ours.values()) == 32
    for name, frame in ours.items():
        check(frame, told[name], SINGLE)


def test_boxes_are_those_of_datumaro(tmp_path: Path) -> None:
    write_many(tmp_path, polygons=False)
    (tmp_path / "labels/train/drive_0007.txt").write_text(recording.CAR)  # without the polygon
    pictures = told_by("datumaro", tmp_path, "yolo")["pictures"]
    ours = frames(tmp_path)
    told = {one["picture"]: one["boxes"] for one in pictures}
    assert ours.keys() - told.keys() == {"images/val/drive_0450.png"}  # no labels: no objects
    for name, boxes in told.items():
        check(ours[name], boxes, HUNDREDTHS)
