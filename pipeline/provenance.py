"""Where a frame comes from: source, group, parent, the request and every step that made it.

Nothing here depends on the clock, the run's folder or the worker: equal frames, equal provenance.
"""

import importlib.metadata
from enum import StrEnum
from functools import lru_cache

from pydantic import BaseModel, ConfigDict

from parhelion.pipeline.conditions import Conditions
from parhelion.pipeline.scene_class import SceneClass


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class Kind(StrEnum):
    REAL = "real"
    SIMULATED = "simulated"
    GENERATED = "generated"


class Source(_Record):
    """The adapter's own account of what it read."""

    adapter: str
    dataset: str
    native_id: str  # the source's own name of the frame
    licence: str = ""
    sha256: str = ""  # of the source bytes; empty where the source is a live simulator


class Numerics(_Record):
    """What bytes depend on beyond code, config and seed."""

    packages: tuple[tuple[str, str], ...] = ()  # (name, version) of packages that touch bytes
    device: str = "cpu"
    cpu_capability: str = ""
    threads: int = 1

    @classmethod
    def of(
        cls, *packages: str, device: str = "cpu", cpu_capability: str = "", threads: int = 1
    ) -> "Numerics":
        """Numerics with the installed versions of `packages`, sorted by name."""
        return cls(
            packages=tuple((name, version_of(name)) for name in sorted(packages)),
            device=device,
            cpu_capability=cpu_capability,
            threads=threads,
        )


@lru_cache
def version_of(package: str) -> str:
    """The installed version of a distribution; "absent" where it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "absent"


class RequestRecord(_Record):
    """A request as plain data: with the parent frame it is enough to draw the row again."""

    conditions: Conditions
    draw: int  # 0, 1, 2 ... of the same wish
    seed: int
    text: str | None = None
    mask: str = ""  # runs of the part that was drawn, as `mask_runs` has them; empty: everything
    becomes: SceneClass | None = None  # what was wanted there


class Step(_Record):
    """One pass through a generator or a Frame operation."""

    part: str  # name of the generator or operation
    version: str
    config_digest: str = ""
    checkpoint_sha256: str = ""  # empty where nothing is trained
    settings: str = ""  # canonical JSON of the part's config
    drawn: tuple[tuple[str, float], ...] = ()  # the parameters it drew, by name


class GateRecord(_Record):
    """What the gate found; also kept for rows that it refused."""

    verdict: str  # accepted, rejected, uncalibrated
    scores: tuple[tuple[str, float], ...] = ()
    thresholds: tuple[tuple[str, float], ...] = ()
    ignored_share: float = 0.0  # share of pixels that became IGNORE


class Provenance(_Record):
    """The whole story of one frame."""

    kind: Kind
    source: Source
    group_id: str  # scene or sequence; twins, neighbours in time and descendants share it
    twin_id: str = ""  # same scene, camera and event under other light and weather
    parent_id: str = ""
    parent_sha256: str = ""  # of the parent's pixels and layers
    request: RequestRecord | None = None
    steps: tuple[Step, ...] = ()
    seed: int | None = None
    numerics: Numerics = Numerics()
    code_version: str = ""
    gate: GateRecord | None = None
