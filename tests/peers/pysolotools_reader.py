"""What Unity's own tools see in a folder of SOLO: JSON on the standard output.

For the environment of the peer, in which nothing of ours is installed:
python pysolotools_reader.py FOLDER
"""

import json
import sys
from typing import Any

from pysolotools.consumers import Solo
from pysolotools.core.models import (
    BoundingBox2DAnnotation,
    DepthAnnotation,
    InstanceSegmentationAnnotation,
    RGBCameraCapture,
    SemanticSegmentationAnnotation,
)


def seen(capture: RGBCameraCapture) -> dict[str, Any]:
    told: dict[str, Any] = {
        "picture": capture.filename,
        "position": capture.position,
        "rotation": capture.rotation,
        "matrix": capture.matrix,
        "dimension": capture.dimension,
    }
    for one in capture.annotations:
        if isinstance(one, BoundingBox2DAnnotation):
            told["boxes"] = [
                [v.labelName, v.instanceId, *v.origin, *v.dimension] for v in one.values
            ]
        elif isinstance(one, SemanticSegmentationAnnotation):
            told["classes"] = {i.labelName: i.pixelValue for i in one.instances}
            told["semantic"] = one.filename
        elif isinstance(one, InstanceSegmentationAnnotation):
            told["ids"] = {str(i.instanceId): i.color for i in one.instances}
            told["instance"] = one.filename
        elif isinstance(one, DepthAnnotation):
            told["depth"] = one.filename
    return told


def main() -> None:
    frames = {}
    for frame in Solo(data_path=sys.argv[1]).frames():
        for capture in frame.captures:
            frames[f"sequence.{frame.sequence}/step{frame.step}/{capture.id}"] = seen(capture)
    json.dump(frames, sys.stdout)


if __name__ == "__main__":
    main()
