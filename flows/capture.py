"""Recording from a live simulator, from the command line: settings in, one recording out."""

from pathlib import Path

import yaml
from pydantic import ValidationError

from parhelion.flows.failures import WrongCommand
from parhelion.flows.progress import StageBars
from parhelion.sim_adapters import _carla_capture as carla
from parhelion.sim_adapters._carla_capture_config import CaptureConfig


def capture(config: Path | None, out: Path, host: str | None, port: int | None) -> Path:
    """The manifest of a new CARLA recording in `out`. Raises WrongCommand, CaptureFailed."""
    with StageBars() as bars:
        return carla.capture(
            _settings(config, host, port),
            out,
            progress=lambda done, total: bars("capture", done, total),
        )


def _settings(config: Path | None, host: str | None, port: int | None) -> CaptureConfig:
    """The settings of the file; what the command line says wins."""
    given = {key: v for key, v in (("host", host), ("port", port)) if v is not None}
    try:
        told = {} if config is None else yaml.safe_load(config.read_text())
        return CaptureConfig(**{**(told or {}), **given})
    except (OSError, TypeError, yaml.YAMLError, ValidationError) as error:
        raise WrongCommand(
            f"{config or 'command line'}: wanted a capture's settings, got {error}"
        ) from error
