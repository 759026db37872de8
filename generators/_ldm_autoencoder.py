"""The autoencoder of `ldm`: pictures to latents and back, trained here or read from a folder.

Rombach et al. 2022, section 3.1 and appendix G: an L1 distance and a slight pull of the latents
towards N(0, 1). It is diffusers' AutoencoderKL, so that one trained elsewhere is the same class.
The authors' critic and perceptual term are left out: a folder brings a decoder that had both, and
one trained here then needs no foreign weights.

Legend: N = batch, C = channels of a picture, H, W = its pixels, L = channels of latents, h, w =
their pixels, `factor` times fewer either way.
"""

import json
from collections.abc import Sequence
from math import log2
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from diffusers import AutoencoderKL
from pydantic import JsonValue
from torch import Tensor, nn

from parhelion.generators._denoiser import GROUPS
from parhelion.generators._noise_levels import SIGMA_DATA
from parhelion.pipeline.contracts import CannotLearn
from parhelion.pipeline.files import sha256_of
from parhelion.pipeline.pretrained import WeightsMissing
from parhelion.pipeline.seeds import seed_of

if TYPE_CHECKING:
    from parhelion.generators.ldm import LdmConfig

Architecture = dict[str, JsonValue]

WEIGHTS = "diffusion_pytorch_model.safetensors"  # as diffusers names them
WIDEST = 4  # times the width at full size
LEAST = 1e-4  # a spread of latents that is divided by

kind: Any = AutoencoderKL  # untyped


class Autoencoder(nn.Module):
    """Pictures to latents of spread SIGMA_DATA and back; grey ones through all its channels.

    Raises CannotLearn for pictures of more channels than it has.
    """

    mean: Tensor  # (L, 1, 1) of latents, before they are scaled
    spread: Tensor  # (L, 1, 1)

    def __init__(self, kl: Any, channels: int) -> None:
        super().__init__()
        if channels not in (1, kl.config.in_channels):
            raise CannotLearn(
                f"ldm wanted an autoencoder of pictures of {channels} channels, got one of "
                f"{kl.config.in_channels}: give another folder, or train one here"
            )
        self.kl, self.channels = kl, channels
        self.latent_channels = int(kl.config.latent_channels)
        self.factor = factor_of(kl.config.block_out_channels)
        self.register_buffer("mean", torch.zeros(self.latent_channels, 1, 1))
        self.register_buffer("spread", torch.full((self.latent_channels, 1, 1), SIGMA_DATA))

    @property
    def architecture(self) -> Architecture:
        """What AutoencoderKL is built from, as plain data."""
        known = {k: v for k, v in self.kl.config.items() if not k.startswith("_")}
        plain: Architecture = json.loads(json.dumps(known))
        return plain

    def encode(self, x: Tensor) -> Tensor:
        """Latents (N, L, h, w) float32 of pictures (N, C, H, W): means of the posterior."""
        return (self._posterior(x)[0] - self.mean) * (SIGMA_DATA / self.spread)

    def decode(self, z: Tensor) -> Tensor:
        """Pictures (N, C, H, W) float32, about -1..1, of latents (N, L, h, w)."""
        x: Tensor = self.kl.decode(z * (self.spread / SIGMA_DATA) + self.mean).sample.float()
        return x if x.shape[1] == self.channels else x.mean(dim=1, keepdim=True)

    def measure(self, z: Tensor) -> None:
        """Scales by latents (N, L, h, w) as they came out so far: their spread becomes SIGMA_DATA,
        channel by channel.
        """
        raw = (z * (self.spread / SIGMA_DATA) + self.mean).double().transpose(0, 1).flatten(1)
        self.mean.copy_(raw.mean(dim=1)[:, None, None])
        self.spread.copy_(raw.std(dim=1).clamp(min=LEAST)[:, None, None])

    def losses(self, x: Tensor, chance: torch.Generator) -> tuple[Tensor, Tensor]:
        """Of pictures (N, C, H, W): mean |x - x'|, and the posterior's KL from N(0, 1) in nats.

        Both are means over the C H W values of a picture, so that their weights are the authors'.
        """
        mean, log_variance = self._posterior(x)
        noise = torch.randn(mean.shape, generator=chance).to(x.device)
        drawn = self.kl.decode(mean + (log_variance / 2).exp() * noise).sample.float()
        return (drawn - x).abs().mean(), divergence(mean, log_variance).sum() / x.numel()

    def _posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance of raw latents, each (N, L, h, w) float32."""
        found = self.kl.encode(x.expand(-1, self.kl.config.in_channels, -1, -1)).latent_dist
        return found.mean.float(), found.logvar.float()


def factor_of(widths: Sequence[int]) -> int:
    """Pixels to one latent, either way, of an autoencoder that halves between these widths."""
    return int(2 ** (len(widths) - 1))


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL of N(mean, variance) from N(0, 1), entry by entry, in nats."""
    return (mean.square() + log_variance.exp() - 1 - log_variance) / 2


def autoencoder_of(config: "LdmConfig", channels: int, seed: int) -> Autoencoder:
    """The one in the folder, or a new one, its weights from `seed`. Raises WeightsMissing."""
    if lacks := lacking(config):
        raise WeightsMissing(lacks)
    if config.autoencoder:
        kl = kind.from_pretrained(config.autoencoder, use_safetensors=True, local_files_only=True)
        return Autoencoder(kl, channels)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_of("ldm.autoencoder", seed))
        return Autoencoder(kind(**planned(config, channels)), channels)


def built(architecture: Architecture, channels: int) -> Autoencoder:
    """One of this architecture, with torch's current random state."""
    return Autoencoder(kind(**architecture), channels)


def planned(config: "LdmConfig", channels: int) -> dict[str, Any]:
    """The architecture that is trained here. It has no attention: frames are decoded as a whole,
    whatever the size of the crops that it learnt from.
    """
    sizes = 1 + int(log2(config.factor))
    widths = [config.autoencoder_width * min(2**i, WIDEST) for i in range(sizes)]
    return {
        "in_channels": channels,
        "out_channels": channels,
        "down_block_types": ["DownEncoderBlock2D"] * sizes,
        "up_block_types": ["UpDecoderBlock2D"] * sizes,
        "block_out_channels": widths,
        "layers_per_block": config.autoencoder_depth,
        "latent_channels": config.latent_channels,
        "norm_num_groups": GROUPS,
        "mid_block_add_attention": False,
    }


def digests(folder: str) -> tuple[str, ...]:
    """sha256 of each file of a folder that is loaded; "" of one that is not there."""
    files = [Path(folder) / name for name in ("config.json", WEIGHTS)]
    return tuple(sha256_of(file) if file.is_file() else "" for file in files)


def lacking(config: "LdmConfig") -> str | None:
    """Why the folder that is set cannot be used, in a sentence; reads no weights."""
    if not config.autoencoder:
        return None
    folder, wanted = Path(config.autoencoder), "ldm wanted an AutoencoderKL of diffusers"
    hint = "give a folder as its save_pretrained writes it, such as a pipeline's vae"
    if not folder.is_dir():
        return f"{wanted}, got no folder {folder}: {hint}, or leave `autoencoder` out"
    known = _config(folder)
    if (got := known.get("_class_name")) != "AutoencoderKL":
        return f"{wanted}, got {got or 'nothing of the kind'} in {folder}: {hint}"
    if not (folder / WEIGHTS).is_file():
        there = ", ".join(sorted(path.name for path in folder.iterdir()))
        return f"{wanted} in {WEIGHTS}, got {there} in {folder}: {hint}; pickles are not loaded"
    if (factor := factor_of(known["block_out_channels"])) != config.factor:
        return f"{wanted} of factor {config.factor}, got {factor} in {folder}: set `factor` to it"
    return None


def _config(folder: Path) -> dict[str, Any]:
    """What the folder says of its autoencoder; nothing where it says nothing."""
    try:
        found = json.loads((folder / "config.json").read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
