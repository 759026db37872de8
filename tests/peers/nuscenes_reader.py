"""What the nuScenes devkit sees in a folder of v1.0-mini: JSON on the standard output.

For the environment of the peer, in which nothing of ours is installed:
python nuscenes_reader.py FOLDER
"""

import json
import sys
from typing import Any

import numpy as np
from nuscenes.nuscenes import NuScenes
from nuscenes.utils.geometry_utils import BoxVisibility, view_points
from pyquaternion import Quaternion


def pose(row: dict[str, Any]) -> np.ndarray:
    made = np.eye(4)
    made[:3, :3] = Quaternion(row["rotation"]).rotation_matrix
    made[:3, 3] = row["translation"]
    return made


def seen(nusc: NuScenes, shot: dict[str, Any]) -> dict[str, Any]:
    """Boxes of a picture, in the order of their table, and its camera."""
    _, boxes, intrinsics = nusc.get_sample_data(shot["token"], box_vis_level=BoxVisibility.ANY)
    things = []
    for box in boxes:
        corners = box.corners()  # (3, 8), camera axes
        places = view_points(corners, intrinsics, normalize=True)[:2]
        things.append(
            {
                "category": box.name,
                "level": nusc.get("sample_annotation", box.token)["visibility_token"],
                "centre": nusc.get("sample_annotation", box.token)["translation"],
                "distance_m": float(box.center[2]),
                "in_front": bool((corners[2] > 0.1).all()),
                "extent": [*places.min(axis=1).tolist(), *places.max(axis=1).tolist()],
            }
        )
    sensor = nusc.get("calibrated_sensor", shot["calibrated_sensor_token"])
    car = nusc.get("ego_pose", shot["ego_pose_token"])
    scene = nusc.get("scene", nusc.get("sample", shot["sample_token"])["scene_token"])
    return {
        "scene": scene["name"],
        "description": scene["description"],
        "intrinsics": np.asarray(intrinsics).tolist(),
        "camera_to_world": (pose(car) @ pose(sensor)).tolist(),
        "boxes": things,
    }


def main() -> None:
    nusc = NuScenes(version="v1.0-mini", dataroot=sys.argv[1], verbose=False)
    shots = [s for s in nusc.sample_data if s["is_key_frame"] and s["channel"] == "CAM_FRONT"]
    json.dump({shot["filename"]: seen(nusc, shot) for shot in shots}, sys.stdout)


if __name__ == "__main__":
    main()
