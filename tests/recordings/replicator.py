"""Two sequences as Replicator's BasicWriter writes them: coloured labels, records, depth."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recordings import HEIGHT, WIDTH, save, street_pixels

BACKGROUND, UNLABELLED = (0, 0, 0, 0), (0, 0, 0, 255)  # they differ in alpha alone
CAR, FORKLIFT, ROAD = (140, 25, 255, 255), (140, 255, 25, 255), (25, 82, 255, 255)
FIRST, SECOND = (255, 197, 25, 255), (25, 197, 255, 255)  # colours of prims
CLASSES = {"forklift": "other", "background": "sky"}
LABELS = {BACKGROUND: "BACKGROUND", UNLABELLED: "UNLABELLED", CAR: "car", FORKLIFT: "forklift"}
LABELS |= {ROAD: "road,ground"}
PRIMS = {FIRST: "/World/Car_1", SECOND: "/World/Forklift"}
FIELDS = [("semanticId", "<u4"), ("x_min", "<i4"), ("y_min", "<i4"), ("x_max", "<i4")]
FIELDS += [("y_max", "<i4"), ("occlusionRatio", "<f4")]
# semanticId, first and last pixels, share occluded
ROWS = [(0, 10, 14, 21, 21, 0.25), (1, 40, 12, 47, 21, -1.0)]
FOCAL, APERTURE = 24.0, (20.955, 15.2908)
EYE = (3.0, -4.0, 2.0)  # the camera's place, scene units
METRES = 0.01  # of a scene unit
DEPTH_M = 8.5


def write(folder: Path) -> dict[str, Any]:
    """Two frames, each the first of its sequence; the second has depth along rays."""
    for sequence, depth in enumerate(("distance_to_image_plane", "distance_to_camera")):
        frame(folder, f"{sequence}_0000", sequence, depth)
    return {"path": folder, "classes": CLASSES}


def frame(
    folder: Path, key: str, seed: int, depth: str | None = None, *, apart: bool = False
) -> None:
    """One frame, in one folder or with a folder per annotator."""

    def place(annotator: str, stem: str, suffix: str) -> Path:
        made = (folder / annotator if apart else folder) / f"{stem}_{key}.{suffix}"
        made.parent.mkdir(parents=True, exist_ok=True)
        return made

    pixels = street_pixels(seed)
    opaque = np.full((*pixels.shape[:2], 1), 255, dtype=np.uint8)
    save(place("rgb", "rgb", "png"), np.concatenate([pixels, opaque], axis=2))
    kind = "semantic_segmentation"
    save(place(kind, kind, "png"), semantic())
    put(place(kind, f"{kind}_labels", "json"), {str(c): {"class": w} for c, w in LABELS.items()})
    kind = "instance_segmentation"
    save(place(kind, kind, "png"), instances())
    nothing = {str(c): LABELS[c] for c in (BACKGROUND, UNLABELLED)}
    put(place(kind, f"{kind}_mapping", "json"), nothing | {str(c): p for c, p in PRIMS.items()})
    kind = "bounding_box_2d_tight"
    np.save(place(kind, kind, "npy"), np.array(ROWS, dtype=FIELDS))
    put(place(kind, f"{kind}_labels", "json"), {"0": {"class": "car"}, "1": {"class": "forklift"}})
    put(place(kind, f"{kind}_prim_paths", "json"), list(PRIMS.values()))
    put(place("camera_params", "camera_params", "json"), camera())
    if depth is not None:
        np.save(place(depth, depth, "npy"), depth_m())


def semantic() -> NDArray[np.uint8]:
    pixels = np.full((HEIGHT, WIDTH, 4), UNLABELLED, dtype=np.uint8)
    pixels[:8], pixels[22:] = BACKGROUND, ROAD
    pixels[14:22, 10:22], pixels[12:22, 40:] = CAR, FORKLIFT
    return pixels


def instances() -> NDArray[np.uint8]:
    pixels = np.full((HEIGHT, WIDTH, 4), UNLABELLED, dtype=np.uint8)
    pixels[:8] = BACKGROUND
    pixels[14:22, 10:22], pixels[12:22, 40:] = FIRST, SECOND
    return pixels


def depth_m() -> NDArray[np.float32]:
    values = np.full((HEIGHT, WIDTH), DEPTH_M, dtype=np.float32)
    values[:8] = np.inf
    return values


def camera() -> dict[str, Any]:
    """A camera that looks along the world's y, whose z is up, as matrices for rows."""
    turn = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]])  # columns: right, up and back in the world
    view = np.eye(4)
    view[:3, :3], view[3, :3] = turn, -np.array(EYE) @ turn
    return {
        "cameraAperture": list(APERTURE),
        "cameraApertureOffset": [0.0, 0.0],
        "cameraFocalLength": FOCAL,
        "cameraModel": "pinhole",
        "cameraNearFar": [1.0, 1000000.0],
        "cameraViewTransform": view.flatten().tolist(),
        "metersPerSceneUnit": METRES,
        "renderProductResolution": [WIDTH, HEIGHT],
    }


def put(path: Path, value: object) -> None:
    path.write_text(json.dumps(value))
