"""GTA V captures in tests: read whole folders, and compare frames with what was written."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from recordings import gtav as written

from parhelion.pipeline.bad_frame import BadFrame
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.scene_class import SceneClass
from parhelion.sim_adapters.gtav import Gtav, GtavConfig


def frames(folder: Path, **settings: Any) -> dict[str, Frame]:
    adapter = Gtav(GtavConfig(path=folder, **settings))
    return {ref.native_id: adapter.read(ref) for ref in adapter.index()}


def refusals(folder: Path, **settings: Any) -> dict[str, BadFrame]:
    adapter = Gtav(GtavConfig(path=folder, **settings))
    found = {}
    for ref in adapter.index():
        try:
            adapter.read(ref)
        except BadFrame as error:
            found[ref.native_id] = error
    return found


def only(found: dict[str, Any]) -> Any:
    assert len(found) == 1, sorted(found)
    return next(iter(found.values()))


def holds_the_street(frame: Frame) -> None:
    """The layers are those of the recordings, whatever file they lay in."""
    assert frame.stencil_native is not None
    assert frame.stencil is not None
    assert np.array_equal(frame.stencil_native, written.stencil())
    assert frame.depth is not None
    finite = np.isfinite(written.depth_m())
    assert np.array_equal(np.isposinf(frame.depth), ~finite)
    np.testing.assert_allclose(frame.depth[finite], written.depth_m()[finite], rtol=1e-5)
    assert (frame.stencil[:10] == SceneClass.SKY).all()
    assert frame.stencil[20, 20] == SceneClass.VEHICLE
    assert frame.stencil[20, 5] == SceneClass.PERSON


def looks_like(frame: Frame, pixels: NDArray[np.uint8]) -> None:
    assert np.abs(frame.image.astype(int) - pixels[..., :3]).mean() < 12  # JPEG of noise
