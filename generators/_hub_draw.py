"""One picture of `hub`: what each kind of pipeline is given, and what it gives back.

The pipelines take sizes in multiples of 8 pixels. Pictures are padded by repeating their edges and
cropped again, never resized: labels must hold to the pixel.
"""

import inspect
from typing import Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from parhelion.generators._hub_controls import control_picture
from parhelion.generators._hub_settings import HubConfig
from parhelion.pipeline.contracts import CannotHonour, Request
from parhelion.pipeline.frame import Annotation, Image
from parhelion.pipeline.seeds import seed_of

MULTIPLE = 8  # pixels


def drawn(pipe: Any, config: HubConfig, request: Request, y: Annotation, prompt: str) -> Image:
    """The picture, of y's size; what a mask leaves is the parent's. Raises CannotHonour.

    y: what the controls are made of, or else the parent.
    """
    import torch

    _check_length(pipe, prompt, "shorten the text or lower most_classes")
    _check_length(pipe, config.negative_prompt, "shorten negative_prompt")
    # A scheduler may remember the picture before: each picture gets one that has seen none.
    pipe.scheduler = type(pipe.scheduler).from_config(pipe.scheduler.config)
    generator = torch.Generator("cpu").manual_seed(seed_of(request.seed, "hub"))
    multiple = max(MULTIPLE, int(pipe.vae_scale_factor))
    given = _given(config, request, y, multiple)
    height, width = (n + -n % multiple for n in y.size)
    if "height" in inspect.signature(pipe.__call__).parameters:
        given |= {"height": height, "width": width}
    image = levels(pipe(prompt=prompt, generator=generator, output_type="np", **given))
    image = image[: y.size[0], : y.size[1]]
    if request.mask is not None and request.parent is not None:
        image = np.where(request.mask[..., None], image, request.parent.image)
    return np.ascontiguousarray(image)


def padded(array: NDArray[Any], multiple: int) -> NDArray[Any]:
    """(H, W, ...) -> the same with its last row and column repeated up to a multiple."""
    short = [(0, -n % multiple) for n in array.shape[:2]]
    return np.pad(array, short + [(0, 0)] * (array.ndim - 2), mode="edge")


def _given(config: HubConfig, request: Request, y: Annotation, multiple: int) -> dict[str, Any]:
    """The arguments of the kind's pipeline, but for prompt, seed and size."""

    def picture(image: NDArray[Any]) -> PIL.Image.Image:
        return PIL.Image.fromarray(padded(image, multiple))

    given: dict[str, Any] = {
        "negative_prompt": config.negative_prompt,
        "num_inference_steps": config.schedule,
        "guidance_scale": config.guided,
    }
    if config.kind == "controlnet":
        controls = [control_picture(c, y, config.palette) for c in sorted(config.controls)]
        scales = [config.control_scale] * len(controls)
        pictures = [picture(control) for control in controls]
        return given | {"image": pictures, "controlnet_conditioning_scale": scales}
    assert request.parent is not None
    given["image"] = picture(request.parent.image)
    if config.kind == "instruct":
        return given | {"image_guidance_scale": config.image_guidance}
    if request.mask is not None:
        given["mask_image"] = picture(request.mask.astype(np.uint8) * 255)
    return given | {"strength": config.redrawn}


def _check_length(pipe: Any, prompt: str, advice: str) -> None:
    """Refuses what the text encoder would cut off unheard."""
    most = pipe.tokenizer.model_max_length
    if (tokens := len(pipe.tokenizer(prompt).input_ids)) > most:
        raise CannotHonour(
            f"hub wanted a prompt of {most} tokens at most, got {tokens} ({prompt!r}): {advice}"
        )


def levels(output: Any) -> Image:
    """What the pipeline gave, 0..1, as (H, W, 3) uint8. Raises CannotHonour."""
    if any(getattr(output, "nsfw_content_detected", None) or ()):
        raise CannotHonour("hub's safety checker withheld this picture: ask for another seed")
    image = np.asarray(output.images[0])
    if not np.isfinite(image).all():
        raise CannotHonour("hub's model gave numbers that are not finite: set precision to fp32")
    picture: Image = np.rint(image * 255).astype(np.uint8)
    return picture
