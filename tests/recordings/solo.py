"""Two sequences as Unity Perception writes them: JSON, coloured labels, and depth in OpenEXR."""

import json
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recordings import HEIGHT, WIDTH, save, street_pixels

TYPE = "type.unity.com/unity.solo."
CAR, WALKER, ROAD = (0, 74, 255, 255), (149, 255, 0, 255), (80, 80, 80, 255)
LABELS = {"Taxi": CAR, "Pedestrian": WALKER, "Street Surface": ROAD}
FIRST, SECOND = (255, 0, 0, 255), (255, 85, 0, 255)  # colours of instances
FIRST_ID, SECOND_ID = 3, 7
CLASSES = {"Taxi": "car", "street surface": "road"}  # what our own words do not say
POSITION = (1.929, 1.123, -3.057)
ROTATION = (0.11266163, -0.260020733, 0.0305620581, 0.958521068)  # x, y, z, w
MATRIX = [1.299259, 0.0, 0.0, 0.0, 1.9488885, 0.0, 0.0, 0.0, -1.0006001]
CAR_BOX, WALKER_BOX = (10.0, 14.0, 12.0, 8.0), (40.0, 12.0, 12.0, 10.0)  # the last leaves at 48
NEAR_M, FAR_M = 5.5, 12.25


def write(folder: Path) -> dict[str, Any]:
    """Two frames each; the second sequence has depth, once planar and once along rays."""
    shared = {
        "metadata": {"unityVersion": "2021.3.11f1", "perceptionVersion": "1.0.0"}
        | {"totalFrames": 4, "totalSequences": 2, "sensors": ["camera"], "metricCollectors": []},
        "sensor_definitions": {
            "sensorDefinitions": [
                {"@type": TYPE + "RGBCamera", "id": "camera", "modality": "camera"}
            ]
        },
        "annotation_definitions": {"annotationDefinitions": definitions()},
        "metric_definitions": {"metricDefinitions": []},
    }
    for name, value in shared.items():
        put(folder / f"{name}.json", value)
    for step in (0, 1):
        frame(folder, 0, step, None)
    frame(folder, 1, 0, "Depth")
    frame(folder, 1, 1, "Range")
    return {"path": folder, "classes": CLASSES}


def frame(folder: Path, sequence: int, step: int, depth: str | None) -> None:
    place = folder / f"sequence.{sequence}"
    save(place / f"step{step}.camera.png", street_pixels(10 * sequence + step))
    save(place / f"step{step}.camera.semantic segmentation.png", semantic())
    save(place / f"step{step}.camera.instance segmentation.png", instances())
    told = annotations(step)
    if depth is not None:
        name = f"step{step}.camera.Depth.exr"
        (place / name).write_bytes(exr({c: depth_m() if c == "R" else zeros() for c in "ABGR"}))
        told.append(annotation("Depth", "Depth") | {"filename": name, "imageFormat": "Exr"})
        told[-1] |= {"measurementStrategy": depth, "dimension": [float(WIDTH), float(HEIGHT)]}
    put(
        place / f"step{step}.frame_data.json",
        {"frame": 2 + sequence + step, "sequence": sequence, "step": step, "timestamp": 0.0}
        | {"captures": [capture(step, told)], "metrics": []},
    )


def capture(step: int, told: list[dict[str, Any]]) -> dict[str, Any]:
    still = {"velocity": [0.0, 0.0, 0.0], "acceleration": [0.0, 0.0, 0.0]}
    return {
        "@type": TYPE + "RGBCamera",
        "id": "camera",
        "description": "",
        "position": POSITION,
        "rotation": ROTATION,
        "filename": f"step{step}.camera.png",
        "imageFormat": "Png",
        "dimension": [float(WIDTH), float(HEIGHT)],
        "projection": "Perspective",
        "matrix": MATRIX,
        "annotations": told,
        **still,
    }


def annotations(step: int) -> list[dict[str, Any]]:
    files = {k: f"step{step}.camera.{k} segmentation.png" for k in ("semantic", "instance")}
    things = ((FIRST_ID, "Taxi", FIRST, CAR_BOX), (SECOND_ID, "Pedestrian", SECOND, WALKER_BOX))
    boxes = [
        {"instanceId": i, "labelId": 1, "labelName": label, "origin": box[:2], "dimension": box[2:]}
        for i, label, _, box in things
    ]
    coloured = [
        {"instanceId": i, "labelId": 1, "labelName": label, "color": colour}
        for i, label, colour, _ in things
    ]
    named = [{"labelName": label, "pixelValue": colour} for label, colour in LABELS.items()]
    person = {"instanceId": SECOND_ID, "labelId": 2, "pose": "unset", "keypoints": []}
    picture = {"imageFormat": "Png", "dimension": [float(WIDTH), float(HEIGHT)]}
    return [
        annotation("SemanticSegmentation", "semantic segmentation")
        | picture
        | {"filename": files["semantic"], "instances": named},
        annotation("InstanceSegmentation", "instance segmentation")
        | picture
        | {"filename": files["instance"], "instances": coloured},
        annotation("BoundingBox2D", "bounding box") | {"values": boxes},
        annotation("Keypoint", "keypoints") | {"templateId": "x", "values": [person]},
    ]


def annotation(kind: str, name: str) -> dict[str, Any]:
    told = {"@type": f"{TYPE}{kind}Annotation", "id": name, "sensorId": "camera"}
    return told | {"description": ""}


def definitions() -> list[dict[str, Any]]:
    numbered = [{"label_id": i, "label_name": label} for i, label in enumerate(LABELS, start=1)]
    coloured = [{"label_name": label, "pixel_value": colour} for label, colour in LABELS.items()]
    return [
        {"@type": f"{TYPE}{kind}Annotation", "id": name, "description": "", "spec": spec}
        for kind, name, spec in (
            ("BoundingBox2D", "bounding box", numbered),
            ("InstanceSegmentation", "instance segmentation", numbered),
            ("SemanticSegmentation", "semantic segmentation", coloured),
        )
    ]


def semantic() -> NDArray[np.uint8]:
    """A taxi and a walker on a road; the rest has no label and is black."""
    pixels = np.full((HEIGHT, WIDTH, 4), (0, 0, 0, 255), dtype=np.uint8)
    pixels[22:], pixels[14:22, 10:22], pixels[12:22, 40:] = ROAD, CAR, WALKER
    return pixels


def instances() -> NDArray[np.uint8]:
    pixels = np.full((HEIGHT, WIDTH, 4), (0, 0, 0, 255), dtype=np.uint8)
    pixels[14:22, 10:22], pixels[12:22, 40:] = FIRST, SECOND
    return pixels


def depth_m() -> NDArray[np.float32]:
    """Near below, far above, and nothing drawn at the top."""
    values = np.full((HEIGHT, WIDTH), FAR_M, dtype=np.float32)
    values[20:], values[:4] = NEAR_M, 0
    return values


def zeros() -> NDArray[np.float32]:
    return np.zeros((HEIGHT, WIDTH), dtype=np.float32)


def exr(channels: dict[str, NDArray[np.generic]], lines: int = 16) -> bytes:
    """OpenEXR of scan lines with ZIP (16 lines a block), ZIPS (1) or nothing (0)."""
    height, width = next(iter(channels.values())).shape
    kinds = {"u": 0, "f2": 1, "f4": 2}
    listed = b"".join(
        name.encode() + b"\0" + struct.pack("<iIii", kind_of(values, kinds), 0, 1, 1)
        for name, values in sorted(channels.items())
    )
    window = struct.pack("<4i", 0, 0, width - 1, height - 1)
    header = struct.pack("<II", 20000630, 2)
    for name, kind, value in (
        ("channels", "chlist", listed + b"\0"),
        ("compression", "compression", bytes([{16: 3, 1: 2, 0: 0}[lines]])),
        ("dataWindow", "box2i", window),
        ("displayWindow", "box2i", window),
        ("lineOrder", "lineOrder", b"\0"),
        ("pixelAspectRatio", "float", struct.pack("<f", 1)),
        ("screenWindowCenter", "v2f", struct.pack("<2f", 0, 0)),
        ("screenWindowWidth", "float", struct.pack("<f", 1)),
    ):
        header += name.encode() + b"\0" + kind.encode() + b"\0"
        header += struct.pack("<i", len(value)) + value
    header += b"\0"
    blocks = []
    for y in range(0, height, lines or 1):
        rows = range(y, min(y + (lines or 1), height))
        plain = b"".join(channels[c][row].tobytes() for row in rows for c in sorted(channels))
        packed = zipped(plain) if lines else plain
        body = packed if len(packed) < len(plain) else plain
        blocks.append(struct.pack("<ii", y, len(body)) + body)
    places, place = [], len(header) + 8 * len(blocks)
    for block in blocks:
        places.append(place)
        place += len(block)
    return header + struct.pack(f"<{len(places)}Q", *places) + b"".join(blocks)


def kind_of(values: NDArray[np.generic], kinds: dict[str, int]) -> int:
    return kinds["u"] if values.dtype.kind == "u" else kinds[f"f{values.dtype.itemsize}"]


def zipped(plain: bytes) -> bytes:
    """Even bytes before odd ones, each as its difference to the one before, then deflated."""
    values = np.frombuffer(plain, dtype=np.uint8)
    halves = np.concatenate([values[0::2], values[1::2]]).astype(np.int32)
    deltas = np.concatenate([halves[:1], np.diff(halves) + 128])
    return zlib.compress((deltas % 256).astype(np.uint8).tobytes())


def put(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1))
