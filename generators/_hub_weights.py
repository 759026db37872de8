"""The weights of `hub`: where they lie, whether they are what a kind draws with, their digest.

Weights are read from safetensors only, never from pickles, which may run code. Nothing is fetched
but a model that the user names as hf://..., and only while HF_HUB_OFFLINE is not set.
"""

import importlib.util
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from parhelion.generators._hub_settings import HubConfig, Kind
from parhelion.pipeline.files import sha256_of
from parhelion.pipeline.pretrained import WeightsMissing
from parhelion.pipeline.seeds import digest

HUB = "hf://"
PACKAGES = ("diffusers", "transformers")
READ = (".safetensors", ".json", ".txt", ".model")  # what is loaded, and digested
FETCHED = ("*.json", "*/*.txt", "*/*.model", "*/*.safetensors", "diffusion_pytorch_model*")
LEFT = ("*.bin", "*.ckpt", "*.msgpack", "*.fp16.*", "*.non_ema.*")  # of those, neither

# What the U-Net reads: 4 latents; an instructed one the parent's 4 beside them, one that was made
# for filling in a mask and 4 of the parent without what it covers.
CHANNELS: dict[Kind, tuple[int, ...]] = {"instruct": (8,), "inpaint": (4, 9)}


@dataclass(frozen=True)
class Weights:
    """Folders that are whole."""

    model: Path
    controls: Mapping[str, Path]  # by layer

    @property
    def sha256(self) -> str:
        """Of all files that are loaded, by role and name; reads them once from end to end."""
        folders = {"model": self.model} | {f"controls.{n}": p for n, p in self.controls.items()}
        return digest(
            [
                [role, path.relative_to(folder).as_posix(), sha256_of(path)]
                for role, folder in sorted(folders.items())
                for path in _read(folder)
            ]
        )


def lacking(config: HubConfig) -> str | None:
    """What this machine lacks to draw, in a sentence; fetches nothing."""
    absent = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if absent:
        return f"hub draws with the packages {', '.join(absent)}: pip install {' '.join(absent)}"
    if config.kind == "controlnet" and not config.controls:
        return "hub wanted a ControlNet, got none: set controls.stencil, controls.depth or both"
    try:
        for role, name in _named(config).items():
            if _offline() or not name.startswith(HUB):  # else it will be fetched
                _whole(role, name, config.kind)
    except WeightsMissing as error:
        return str(error)
    return None


def weights_of(config: HubConfig) -> Weights:
    """The folders of model and controls, fetched where they may be. Raises WeightsMissing."""
    folders = {role: _whole(role, name, config.kind) for role, name in _named(config).items()}
    model = folders.pop("model")
    return Weights(model, {role.removeprefix("controls."): p for role, p in folders.items()})


def _named(config: HubConfig) -> dict[str, str]:
    return {"model": config.model} | {f"controls.{n}": p for n, p in config.controls.items()}


def _offline() -> bool:
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")


def _whole(role: str, name: str, kind: Kind) -> Path:
    """The folder of a model that can be loaded. Raises WeightsMissing."""
    folder = _folder(role, name)
    if role == "model":
        _check_model(folder, kind)
    else:
        _check_control(role, folder)
    return folder


def _folder(role: str, name: str) -> Path:
    """Where a model lies. Raises WeightsMissing."""
    if name.startswith(HUB):
        return _fetched(role, name)
    if not name or not Path(name).is_dir():
        raise WeightsMissing(
            f"hub wanted weights for {role}, got {f'no folder {name}' if name else 'none'}: set "
            f"{role} to a folder that diffusers has saved, or to {HUB}owner/name"
        )
    return Path(name)


def _fetched(role: str, name: str) -> Path:
    from huggingface_hub import snapshot_download

    repository, _, revision = name.removeprefix(HUB).partition("@")
    try:
        folder = snapshot_download(
            repository,
            revision=revision or None,
            local_files_only=_offline(),
            allow_patterns=list(FETCHED),
            ignore_patterns=list(LEFT),
        )
    except (OSError, ValueError) as error:  # no such name, no network, or not in the cache
        told = "HF_HUB_OFFLINE is set and it is not in the cache" if _offline() else str(error)
        raise WeightsMissing(
            f"hub wanted {name} for {role}, got nothing ({told}): give a folder, or fetch it once "
            "where there is a network"
        ) from error
    return Path(folder)


def components(folder: Path) -> dict[str, Any]:
    """The pipeline's parts that are there, by name."""
    index = _json(folder / "model_index.json")
    return {name: part for name, part in index.items() if isinstance(part, list) and part[0]}


def _read(folder: Path) -> list[Path]:
    """The files of a pipeline or a ControlNet that are loaded, sorted."""
    index = folder / "model_index.json"
    if not index.is_file():
        return sorted(_loaded(folder.rglob("*")))
    parts = (path for name in components(folder) for path in (folder / name).rglob("*"))
    return sorted([index, *_loaded(parts)])


def _loaded(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        left = any(fnmatch(path.name, pattern) for pattern in LEFT)
        if path.suffix in READ and not left and path.is_file():
            yield path


def _json(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise WeightsMissing(
            f"hub wanted {path.name} in {path.parent}, got {type(error).__name__}: give a folder "
            "as save_pretrained of diffusers writes it"
        ) from error
    return content


def _check_model(folder: Path, kind: Kind) -> None:
    there = components(folder)
    if missing := sorted({"text_encoder", "tokenizer", "unet", "vae"} - there.keys()):
        raise WeightsMissing(
            f"hub wanted a Stable Diffusion pipeline, got one without {', '.join(missing)} in "
            f"{folder}: give one of Stable Diffusion 1, 2 or XL"
        )
    networks = there.keys() & {"text_encoder", "text_encoder_2", "unet", "vae", "safety_checker"}
    for name in sorted(networks):
        _check_safe(folder / name)
    wanted = CHANNELS.get(kind, (4,))
    if (got := _json(folder / "unet" / "config.json").get("in_channels")) not in wanted:
        raise WeightsMissing(
            f"hub of kind {kind} wanted a U-Net of {' or '.join(map(str, wanted))} channels, got "
            f"{got} in {folder}: give a model that was trained for {kind}, or another kind"
        )


def _check_control(role: str, folder: Path) -> None:
    if (got := _json(folder / "config.json").get("_class_name")) != "ControlNetModel":
        raise WeightsMissing(
            f"hub wanted a ControlNetModel for {role}, got {got} in {folder}: give another folder"
        )
    _check_safe(folder)


def _check_safe(folder: Path) -> None:
    if not any(path.suffix == ".safetensors" for path in _loaded(folder.glob("*"))):
        got = ", ".join(sorted(p.name for p in folder.glob("*"))) or "nothing"
        raise WeightsMissing(
            f"hub wanted *.safetensors in {folder}, got {got}: save the model again with "
            "safe_serialization=True; pickles are not loaded"
        )
