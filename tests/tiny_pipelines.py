"""Stable Diffusion pipelines with a few thousand random weights, as their own classes save them."""

from functools import cache
from pathlib import Path
from typing import Any

import diffusers
import torch
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

of_diffusers: Any = diffusers  # which has no types here

START, END = "<|startoftext|>", "<|endoftext|>"
LETTERS = "abcdefghijklmnopqrstuvwxyz,!'"
LONGEST = 200  # tokens of a prompt; a token is a letter
WIDTH = 8  # of what a token becomes
NOISE = {"num_train_timesteps": 50, "steps_offset": 1, "beta_schedule": "scaled_linear"}

KINDS: dict[str, Any] = {
    "controlnet": of_diffusers.StableDiffusionControlNetPipeline,
    "instruct": of_diffusers.StableDiffusionInstructPix2PixPipeline,
    "inpaint": of_diffusers.StableDiffusionInpaintPipeline,
    "img2img": of_diffusers.StableDiffusionImg2ImgPipeline,
}
CHANNELS = {"instruct": 8, "inpaint": 9}


def write(folder: Path, kind: str, seed: int = 0) -> dict[str, Any]:
    """Saves a pipeline of one kind; gives the settings of `hub` that draw with it."""
    torch.manual_seed(seed)
    unet = _unet(CHANNELS.get(kind, 4))
    made: dict[str, Any] = {
        "unet": unet,
        "vae": _vae(),
        "text_encoder": _text_encoder(),
        "tokenizer": _tokenizer(),
        "scheduler": of_diffusers.DDIMScheduler(**NOISE, clip_sample=False),
        "safety_checker": None,
        "feature_extractor": None,
        "requires_safety_checker": False,
    }
    settings: dict[str, Any] = {"kind": kind, "model": str(folder / "model"), "steps": 3}
    if kind == "controlnet":
        nets = [_control(), _control()]
        made |= {
            "controlnet": nets,
            "scheduler": of_diffusers.PNDMScheduler(**NOISE, skip_prk_steps=True),
        }
        settings["controls"] = {n: str(folder / n) for n in ("stencil", "depth")}
        for net, path in zip(nets, settings["controls"].values(), strict=True):
            net.save_pretrained(path)
    KINDS[kind](**made).save_pretrained(folder / "model")
    return settings


def _unet(channels: int) -> Any:
    return of_diffusers.UNet2DConditionModel(
        sample_size=8,
        in_channels=channels,
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        **_BODY,
    )


def _control() -> Any:
    """A ControlNet that does something: as they are made, their last layers are nought."""
    net = of_diffusers.ControlNetModel(conditioning_embedding_out_channels=(4, 4, 4, 8), **_BODY)
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return net


_BODY: dict[str, Any] = {
    "block_out_channels": (8, 16),
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
    "layers_per_block": 1,
    "cross_attention_dim": WIDTH,
    "attention_head_dim": 2,
    "norm_num_groups": 4,
}


def _vae() -> Any:
    """A picture of 8 x 8 pixels is one latent, as in the real ones."""
    return of_diffusers.AutoencoderKL(
        block_out_channels=(4, 4, 4, 4),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=4,
        norm_num_groups=2,
        sample_size=32,
    )


def _text_encoder() -> Any:
    tokens = _vocabulary()
    config = CLIPTextConfig(
        vocab_size=len(tokens),
        hidden_size=WIDTH,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=LONGEST,
        bos_token_id=tokens[START],
        eos_token_id=tokens[END],
        pad_token_id=tokens[END],
    )
    made: Any = CLIPTextModel(config)
    return made.eval()


def _tokenizer() -> CLIPTokenizer:
    return CLIPTokenizer(vocab=_vocabulary(), merges=[], model_max_length=LONGEST)


@cache
def _vocabulary() -> dict[str, int]:
    """Letters within words and at their ends, and the two marks that CLIP needs."""
    words = [*LETTERS, *(f"{letter}</w>" for letter in LETTERS), START, END]
    return {word: i for i, word in enumerate(words)}
