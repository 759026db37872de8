"""Which albumentations run, with which ranges: photometric changes, weather without depth.

albumentations 2.0.8 (MIT, frozen) behind this one file. It seeds nothing by itself that we rely on:
every call gets generators made from the request's seed, shared by all transforms of the chain
(`Compose.set_random_seed` would give each transform the same stream, so that all fire together).
"""

import os
import random
from functools import cache

import numpy as np

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # read at import: no look at the network

import albumentations as A  # noqa: N812

from parhelion.pipeline.conditions import Weather
from parhelion.pipeline.frame import Image


@cache
def photometric() -> A.Compose:
    """Colour, tone, blur, noise and compression, as segmentation and robustness work uses them.

    Colour jitter, blur: MMSegmentation's PhotoMetricDistortion and Tranheden et al. 2021 (DACS);
    noise, blur, compression: the corruption families of Hendrycks and Dietterich 2019, mild.
    """
    return A.Compose(
        [
            A.ColorJitter(
                brightness=(0.5, 1.4),
                contrast=(0.6, 1.4),
                saturation=(0.5, 1.5),
                hue=(-0.04, 0.04),
                p=0.8,
            ),
            A.RandomGamma(gamma_limit=(60, 170), p=0.4),
            A.PlanckianJitter(p=0.2),
            A.CLAHE(clip_limit=(1.0, 3.0), p=0.1),
            A.RandomShadow(shadow_intensity_range=(0.3, 0.6), p=0.15),
            A.OneOf(
                [
                    A.GaussianBlur(blur_limit=0, sigma_limit=(0.3, 1.2)),
                    A.MotionBlur(blur_limit=(3, 5)),
                    A.Defocus(radius=(1, 2)),
                ],
                p=0.25,
            ),
            A.OneOf([A.GaussNoise(std_range=(0.01, 0.08)), A.ISONoise()], p=0.3),
            A.ImageCompression(quality_range=(40, 95), p=0.3),
        ]
    )


@cache
def painted(weather: Weather) -> A.Compose:
    """The library's own fog, rain or snow, always applied. `weather` is one of PAINTED."""
    transform = {
        Weather.FOGGY: A.RandomFog(fog_coef_range=(0.3, 1.0), p=1.0),
        Weather.RAINING: A.RandomRain(rain_type="default", p=1.0),
        Weather.SNOWING: A.RandomSnow(snow_point_range=(0.1, 0.3), method="texture", p=1.0),
    }[weather]
    return A.Compose([transform])


def applied(chain: A.Compose, image: Image, seed: int) -> Image:
    """The image (H, W, 3) through a chain, its dice thrown from `seed` alone."""
    chain.set_random_state(np.random.default_rng(seed), random.Random(seed))  # noqa: S311
    changed: Image = chain(image=np.ascontiguousarray(image))["image"]
    return changed
