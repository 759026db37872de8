"""One pass over a set of pictures, and what is kept of it for all scores of a comparison.

Pictures are brought to the size of the real ones before anything is measured, so that a generator
which draws small is judged as a user would see it.
"""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from itertools import islice

import cv2
import numpy as np
from numpy.typing import NDArray

from parhelion.pipeline.compare_requests import y_of
from parhelion.pipeline.feature_sample import BATCH, FeatureSample
from parhelion.pipeline.features import Network
from parhelion.pipeline.frame import Frame, Image
from parhelion.pipeline.image_energy import fine_energy, power_spectrum, radial
from parhelion.pipeline.memorisation import Thumbnails, thumbnail


@dataclass(frozen=True, eq=False)
class Taken:
    """What is kept of a set of n pictures after one pass over them."""

    sample: FeatureSample
    thumbnails: Thumbnails  # (n, 3 SIDE^2)
    labels: NDArray[np.intp]  # (n,) image-level class, -1 where there is none
    ys: tuple[Hashable, ...]
    spectrum: NDArray[np.float64]  # mean power per ring
    fine: float  # mean power above half of Nyquist

    def __len__(self) -> int:
        return len(self.ys)


def brought_to(image: Image, size: tuple[int, int]) -> Image:
    """The image at `size` (H, W): shrunk by area, enlarged by a cubic."""
    if image.shape[:2] == size:
        return image
    shrinks = image.shape[0] >= size[0] and image.shape[1] >= size[1]
    way = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return cv2.resize(image, size[::-1], interpolation=way).astype(np.uint8, copy=False)


def taken(frames: Iterable[Frame], size: tuple[int, int], network: Network, seed: int) -> Taken:
    """One pass over frames, a few in memory at a time. Raises ValueError where there is none."""
    sample = FeatureSample(network.dims, seed)
    small, labels, ys, spectra, fine = [], [], [], [], []
    stream = iter(frames)
    while batch := list(islice(stream, BATCH)):
        images = [brought_to(frame.image, size) for frame in batch]
        sample.add([f.frame_id for f in batch], [f.group_id for f in batch], network(images))
        small += [thumbnail(image) for image in images]
        labels += [frame.label.index if frame.label is not None else -1 for frame in batch]
        ys += [y_of(frame) for frame in batch]
        powers = [power_spectrum(image) for image in images]
        spectra += [radial(power) for power in powers]
        fine += [fine_energy(power) for power in powers]
    if not ys:
        raise ValueError("pictures are judged from one on, got none")
    return Taken(
        sample,
        np.stack(small),
        np.array(labels),
        tuple(ys),
        np.mean(spectra, axis=0),
        float(np.mean(fine)),
    )
