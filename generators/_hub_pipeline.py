"""The pipelines of `hub`: a class of diffusers for each kind, loaded from folders found whole."""

import contextlib
from collections.abc import Iterator
from typing import Any

from parhelion.generators._hub_settings import HubConfig, Kind
from parhelion.generators._hub_weights import Weights, components
from parhelion.pipeline.pretrained import WeightsMissing

# The pipelines of diffusers, of Stable Diffusion 1 and 2 or, with two text encoders, of XL.
PIPELINES: dict[Kind, str] = {
    "controlnet": "StableDiffusion{}ControlNetPipeline",
    "instruct": "StableDiffusion{}InstructPix2PixPipeline",
    "inpaint": "StableDiffusion{}InpaintPipeline",
    "img2img": "StableDiffusion{}Img2ImgPipeline",
    "one-step": "StableDiffusion{}Img2ImgPipeline",
}


def pipeline_of(config: HubConfig, weights: Weights) -> Any:
    """The pipeline on its device, in its precision. Raises WeightsMissing."""
    import diffusers
    import torch

    from parhelion.pipeline.training import bf16_pays, device_of

    xl = "XL" if "text_encoder_2" in components(weights.model) else ""
    kind = getattr(diffusers, PIPELINES[config.kind].format(xl))
    device = device_of(config.device)
    dtype = torch.bfloat16 if bf16_pays(config.precision, device) else torch.float32
    read: dict[str, Any] = {"use_safetensors": True, "local_files_only": True, "dtype": dtype}
    if xl:  # its watermark would depend on whether a package is there; the record says who drew
        read |= {"add_watermarker": False}
    # A folder's safety checker stays; one without is told so, else it would warn at each start.
    elif "safety_checker" not in components(weights.model):
        read |= {"safety_checker": None, "requires_safety_checker": False}
    with _quietly():
        try:
            pipe = kind.from_pretrained(weights.model, **read, **_controls(weights, dtype))
        except (OSError, ValueError) as error:
            raise WeightsMissing(f"hub could not load {weights.model}: {error}") from error
    pipe.to(device)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def _controls(weights: Weights, dtype: Any) -> dict[str, Any]:
    """The ControlNets as an argument of the pipeline, in the order of their layers' names."""
    import diffusers

    if not weights.controls:
        return {}
    library: Any = diffusers  # which has no types here
    nets = [
        library.ControlNetModel.from_pretrained(
            folder, use_safetensors=True, local_files_only=True, dtype=dtype
        )
        for _, folder in sorted(weights.controls.items())
    ]
    return {"controlnet": library.MultiControlNetModel(nets)}


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Without the loaders' bars, which would run through ours."""
    from diffusers.utils import logging as of_diffusers
    from transformers.utils import logging as of_transformers

    shown = [log for log in (of_diffusers, of_transformers) if log.is_progress_bar_enabled()]
    for log in shown:
        log.disable_progress_bar()
    try:
        yield
    finally:
        for log in shown:
            log.enable_progress_bar()
