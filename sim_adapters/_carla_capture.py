"""Live capture from CARLA: drives a car through a map and writes a recording that `carla` reads.

    FOLDER/recording.json     version of the server, cameras, and per frame weather, poses, actors
    FOLDER/rgb/00000123.png   and depth, semantic, instance: raw pixels, one per saved tick

Every picture is of the very tick that it is named by. With `twins`, the cars of the capture are
held while the weathers pass, so that one view is seen under each; walkers and cars of other clients
are not held, and wind moves leaves. A frame is a twin only where its depth, semantic and instance
bytes are those under the view's first weather; else `differing` names the layers. The manifest is
written now and then and at the end, also after an error or Ctrl-C: what was recorded until then can
be read. For servers from 0.9.10 on. No server was at hand when this was written: it was tried on a
scripted client, see `about.unverified` of the adapter.
"""

from collections.abc import Iterator
from contextlib import nullcontext
from hashlib import sha256
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from pydantic import ValidationError

from parhelion.pipeline import files
from parhelion.pipeline.contracts import Progress, silent
from parhelion.sim_adapters._carla_camera import box_corners, camera_of, matrix_of
from parhelion.sim_adapters._carla_capture_config import CaptureConfig
from parhelion.sim_adapters._carla_manifest import (
    MANIFEST,
    Actor,
    FrameRecord,
    Header,
    Layer,
    Pose,
    Vector,
)
from parhelion.sim_adapters._carla_server import (
    CaptureFailed,
    Session,
    connect,
    pose_of,
    sensors_of,
    session,
)
from parhelion.sim_adapters._carla_weather import WeatherParameters
from parhelion.sim_adapters._projected_boxes import rectangles

FRAMES_PER_WRITING = 25  # of the manifest, which is written anew each time

Digests = dict[Layer, bytes]


def capture(
    config: CaptureConfig, folder: Path, client: Any = None, progress: Progress = silent
) -> Path:
    """Records into a new folder and gives the manifest's path; `client`: None = connects.

    Raises CaptureFailed with a sentence; the server is left as it was found.
    """
    manifest = folder / MANIFEST
    if manifest.exists():
        raise CaptureFailed(f"{manifest}: wanted a folder without a recording, got one with")
    try:
        client = connect(config) if client is None else client
        version = client.get_server_version()
        world = client.load_world(config.map) if config.map else client.get_world()
        with session(config, client, world) as running:
            header = Header(
                carla_version=version,
                map=world.get_map().name,
                sensors=sensors_of(config, tuple(running.queues)),
            )
            _record(running, header, folder, progress)
    except CaptureFailed:
        raise
    except (RuntimeError, ValidationError) as error:  # of the client library, of what it told
        raise CaptureFailed(f"the server at {config.host}:{config.port}: {error}") from error
    return manifest


def _record(running: Session, header: Header, folder: Path, progress: Progress) -> None:
    """All views; what was saved is in the manifest however this ends."""
    config = running.config
    total = config.views * (len(config.skies) if config.twins else 1)
    records: list[FrameRecord] = []
    try:
        for record in _frames(running, folder):
            records.append(record)
            progress(len(records), total)
            if len(records) % FRAMES_PER_WRITING == 0:
                _write_manifest(folder, header, records)
    finally:
        if records:
            _write_manifest(folder, header, records)


def _frames(running: Session, folder: Path) -> Iterator[FrameRecord]:
    """Drives, looks, and saves what it sees."""
    config = running.config
    for view in range(config.views):
        running.advance(config.ticks_between)
        skies = config.skies if config.twins else (config.skies[view % len(config.skies)],)
        first: Digests = {}
        with running.standing_still() if config.twins else nullcontext():
            for name, sky in skies:
                running.set_weather(sky)
                images = running.advance(config.settle_ticks)
                for layer, image in images.items():
                    _save(folder / layer / f"{image.frame:08d}.png", image, layer, config)
                found = _digests(images)
                first = first or found
                differing = tuple(layer for layer in first if found.get(layer) != first[layer])
                twin = f"{view:06d}" if len(skies) > 1 and not differing else ""
                record = _record_of(running, images, name, twin)
                yield record.model_copy(update={"differing": differing})


def _digests(images: dict[Layer, Any]) -> Digests:
    """Of the bytes that no weather may change."""
    return {
        layer: sha256(bytes(image.raw_data)).digest()
        for layer, image in images.items()
        if layer != "rgb"
    }


def _save(path: Path, image: Any, layer: Layer, config: CaptureConfig) -> None:
    """The sensor's own bytes, B G R and an empty fourth, as an RGB PNG."""
    pixels = np.frombuffer(image.raw_data, dtype=np.uint8)
    if pixels.size != config.height * config.width * 4:
        wanted = f"{config.width}x{config.height} pixels of four bytes"
        got = f"{image.width}x{image.height} in {pixels.size:,} bytes"
        raise CaptureFailed(f"{layer}: wanted {wanted}, got {got}")
    whole, png = cv2.imencode(".png", pixels.reshape(config.height, config.width, 4)[..., :3])
    if not whole:
        raise CaptureFailed(f"{layer}: wanted a picture in PNG, OpenCV made none")
    files.write_bytes(path, png.tobytes())


def _record_of(
    running: Session, images: dict[Layer, Any], weather_name: str, twin: str
) -> FrameRecord:
    rgb, sky = images["rgb"], running.world.get_weather()
    pose = pose_of(rgb.transform)
    told = {name: getattr(sky, name, None) for name in WeatherParameters.model_fields}
    return FrameRecord(
        frame=rgb.frame,
        timestamp=rgb.timestamp,
        weather=WeatherParameters.model_validate(told),
        weather_name=weather_name,
        twin=twin,
        ego=pose_of(running.ego.get_transform()),
        camera=pose,
        actors=tuple(_actors(running, pose)),
    )


def _actors(running: Session, camera: Pose) -> Iterator[Actor]:
    """Vehicles and walkers around the car, each with the box that the whole of it has."""
    config, everybody = running.config, running.world.get_actors()
    lens = camera_of(config.width, config.height, config.fov_deg, matrix_of(camera))
    here = camera.location
    for actor in (*everybody.filter("vehicle.*"), *everybody.filter("walker.*")):
        pose, box = pose_of(actor.get_transform()), actor.bounding_box
        p = pose.location
        away = float(np.linalg.norm((p.x - here.x, p.y - here.y, p.z - here.z)))
        if actor.id == running.ego.id or away > config.actors_within_m:
            continue
        centre, extent = (Vector(x=v.x, y=v.y, z=v.z) for v in (box.location, box.extent))
        corners = box_corners(pose, centre, extent)[None]
        yield Actor(
            id=actor.id,
            type_id=actor.type_id,
            transform=pose,
            extent=extent,
            centre=centre,
            bbox2d=rectangles(corners, lens, config.width, config.height)[0],
        )


def _write_manifest(folder: Path, header: Header, records: list[FrameRecord]) -> None:
    frames = [record.model_dump(mode="json", exclude_none=True) for record in records]
    told = header.model_dump(mode="json", exclude_none=True)
    files.write_json(folder / MANIFEST, told | {"frames": frames})
