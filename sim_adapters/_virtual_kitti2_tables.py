"""The text tables of one scene and variation of Virtual KITTI 2, by frame and camera.

They have up to some ten thousand rows, so a table is kept as lines, and only the lines of a frame
that is read are taken apart.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.frame import Camera
from parhelion.sim_adapters import _documents as documents
from parhelion.sim_adapters._poses import inverse, numbers, pinhole, rigid

Row = Mapping[str, str]
View = tuple[int, int]  # frame, camera

BY_VIEW = ("bbox", "pose", "extrinsic", "intrinsic")
FIT_M = 0.05  # how far a pose of text may lie from where the camera puts it
WORLD = ("world_space_X", "world_space_Y", "world_space_Z")
SEEN = ("camera_space_X", "camera_space_Y", "camera_space_Z")


@dataclass(frozen=True)
class ViewTable:
    """One table: its name, its columns, and its lines by frame and camera."""

    name: str
    columns: tuple[str, ...]
    lines: Mapping[View, list[str]]

    def rows(self, view: View) -> list[Row]:
        """The rows of one view, by column. Raises BadFrame."""
        try:
            return [
                dict(zip(self.columns, line.split(), strict=True))
                for line in self.lines.get(view, ())
            ]
        except ValueError as error:
            wanted = f"columns {' '.join(self.columns)}"
            sentence = f"{self.name}, frame {view[0]}: wanted {wanted}, got {error}"
            raise BadFrame(Reason.BAD_METADATA, sentence) from error


def view_table(text: str, name: str, columns: tuple[str, ...]) -> ViewTable:
    """A table with a header that starts with frame and cameraID. Raises BadFrame."""
    header, *body = text.splitlines() or [""]
    there = tuple(header.split())
    missing = [column for column in ("frame", "cameraID", *columns) if column not in there]
    if there[:2] != ("frame", "cameraID") or missing:
        wanted = f"the columns frame cameraID {' '.join(columns)}"
        sentence = f"{name}: wanted {wanted}, got {header[:80]!r}"
        raise BadFrame(Reason.BAD_METADATA, sentence)
    lines: dict[View, list[str]] = {}
    try:
        for line in body:
            frame, camera, *_ = line.split(None, 2) or ("", "")
            if frame:
                lines.setdefault((int(frame), int(camera)), []).append(line)
    except ValueError as error:
        sentence = f"{name}: wanted rows that start with frame and camera, got {line[:60]!r}"
        raise BadFrame(Reason.BAD_METADATA, sentence) from error
    return ViewTable(name, there, lines)


COLUMNS: dict[str, tuple[str, ...]] = {
    "bbox": ("trackID", "left", "right", "top", "bottom", "number_pixels", "truncation_ratio"),
    "pose": ("trackID", "height", *WORLD, *SEEN),
    "extrinsic": (),
    "intrinsic": ("K[0,0]", "K[1,1]", "K[0,2]", "K[1,2]"),
}


@dataclass(frozen=True)
class Tables:
    """All tables of a scene and variation that are there."""

    by_view: Mapping[str, ViewTable]
    labels: Mapping[str, str]  # trackID -> Car, Van or Truck

    @classmethod
    def read(cls, root: Path, files: Mapping[str, str]) -> "Tables":
        """From files {table: path relative to `root`}. Raises BadFrame."""
        texts = {
            table: documents.parse_text(documents.read_document(root, name), name)
            for table, name in files.items()
        }
        tables = {
            table: view_table(texts[table], files[table], COLUMNS[table])
            for table in BY_VIEW
            if table in files
        }
        return cls(tables, _labels(texts["info"], files["info"]) if "info" in files else {})

    def rows(self, table: str, view: View) -> list[Row]:
        """Rows of a view; none where the table is not there. Raises BadFrame."""
        return self.by_view[table].rows(view) if table in self.by_view else []

    def lines(self, view: View) -> list[list[str]]:
        """All that the tables say of a view, as it is written."""
        return [table.lines.get(view, []) for table in self.by_view.values()]

    def camera(self, view: View) -> Camera | None:
        """The camera; None without tables of both its matrices. Raises BadFrame."""
        if not {"extrinsic", "intrinsic"} <= self.by_view.keys():
            return None
        name = self.by_view["intrinsic"].name
        rows = self.rows("intrinsic", view)
        if not rows:
            raise BadFrame(Reason.BAD_CAMERA, f"{name}: wanted a row for frame {view[0]}, got none")
        what = f"{name}, frame {view[0]}"
        cells = [rows[0][column] for column in COLUMNS["intrinsic"]]
        focal_x, focal_y, x, y = numbers(cells, what, Reason.BAD_CAMERA)
        matrix, inverted = self._pose(view)
        # Where nothing is in view, the other frames tell which way the matrices go.
        leads_out = self._inverted if inverted is None else inverted
        return Camera(
            # Theirs is the middle of a picture whose first pixel's centre is at 0, ours is at 0.5.
            intrinsics=pinhole(focal_x, focal_y, x + 0.5, y + 0.5, what),
            camera_to_world=matrix if leads_out else inverse(matrix),
        )

    @cached_property
    def _inverted(self) -> bool:
        poses = self.by_view.get("pose")
        for view in poses.lines if poses else ():
            try:
                inverted = self._pose(view)[1]
            except BadFrame:
                continue
            if inverted is not None:
                return inverted
        return False

    def _pose(self, view: View) -> tuple[NDArray[np.float64], bool | None]:
        """The matrix as it is written, and whether it leads from the camera to the world.

        Readers disagree on that, but poses are told in both: None where there are none.
        """
        table = self.by_view["extrinsic"]
        line = table.lines.get(view, [""])[0]
        what = f"{table.name}, frame {view[0]}"
        matrix = rigid(numbers(line.split()[2:], what, Reason.BAD_CAMERA), what)
        rows = self.rows("pose", view)
        if not rows:
            return matrix, None
        told = f"{self.by_view['pose'].name}, frame {view[0]}"
        world, seen = (
            np.array([numbers([row[c] for c in columns], told) for row in rows])
            for columns in (WORLD, SEEN)
        )
        misses = []
        for inverted in (False, True):
            way = inverse(matrix) if inverted else matrix
            misses.append(float(np.abs(world @ way[:3, :3].T + way[:3, 3] - seen).max()))
            if misses[-1] <= FIT_M:
                return matrix, inverted
        wanted = f"a pose that puts world_space within {FIT_M} m of camera_space"
        got = f"{min(misses):.3g} m either way"
        raise BadFrame(Reason.BAD_CAMERA, f"{what}: wanted {wanted}, got {got}")


def _labels(text: str, name: str) -> dict[str, str]:
    """{trackID: label} of info.txt, `trackID label model color`. Raises BadFrame."""
    found = {}
    for line in text.splitlines()[1:]:
        cells = line.split()
        if len(cells) > 1:
            found[cells[0]] = cells[1]
        elif cells:
            sentence = f"{name}: wanted trackID label model color, got {line[:60]!r}"
            raise BadFrame(Reason.BAD_METADATA, sentence)
    return found
