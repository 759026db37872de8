"""How well two sets of edges agree in place, and how well they would agree elsewhere.

Edges of one view agree best where they lie. Those of another moment, of a shifted or of a mirrored
layer agree better at another place, with the frame before, or nowhere.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from parhelion.pipeline.integrity_edges import Edges, Floats, Mask

REACH = 0.08  # of the width: how far away better places are looked for
IN_PLACE_PX = 1  # sources round pixel centres in their own ways
PEAK_PX = 2  # around the place itself, which is no other place


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """Scores of one pair of edges; only scores of one pair may be compared."""

    own: float
    elsewhere: float  # at the best other place
    shift: tuple[int, int]  # that place, grid pixels to the right and down
    mirrored: float
    before: float | None  # with the frame before; None where that is not known


def surface(a: Edges, b: Edges, reach: int) -> Floats:
    """Sum of a * b with `b` moved by up to `reach` pixels: (2 reach + 1, 2 reach + 1), y then x."""
    pairs = zip(a.spectra, b.spectra, strict=True)
    product = np.sum([cv2.mulSpectrums(x, y, 0, conjB=True) for x, y in pairs], axis=0)
    whole = cv2.idft(product, flags=cv2.DFT_SCALE | cv2.DFT_REAL_OUTPUT)
    near = np.arange(-reach, reach + 1)
    return np.asarray(whole[near[:, None], near[None, :]], dtype=np.float32)


def shared_edges(a: Edges, b: Edges, b_before: Edges | None) -> Agreement:
    """Of two layers: the share of edges in common, of those that the poorer layer has; 0 to 1."""
    fewer = max(min(a.total, b.total), 1.0)
    reach = _reach(a)
    here = surface(a, b, reach) / fewer
    shift, elsewhere = _best_elsewhere(here, reach)
    before = None
    if b_before is not None:
        before = _in_place(surface(a, b_before, reach) / max(min(a.total, b_before.total), 1.0))
    return Agreement(
        own=_in_place(here),
        elsewhere=elsewhere,
        shift=shift,
        mirrored=_in_place(surface(a, b.mirrored, reach) / fewer),
        before=before,
    )


def image_agreement(image: Edges, layers: Edges, layers_before: Edges | None) -> Agreement:
    """Of an image with its layers: sigmas of the agreement at all other places near by."""
    reach = _reach(image)
    here = _sigmas(surface(image, layers, reach), reach)
    shift, elsewhere = _best_elsewhere(here, reach)
    before = None
    if layers_before is not None:
        before = _in_place(_sigmas(surface(image, layers_before, reach), reach))
    return Agreement(
        own=_in_place(here),
        elsewhere=elsewhere,
        shift=shift,
        mirrored=_in_place(_sigmas(surface(image, layers.mirrored, reach), reach)),
        before=before,
    )


def _reach(edges: Edges) -> int:
    return round(REACH * float(edges.maps.shape[2]))


def _sigmas(here: Floats, reach: int) -> Floats:
    others = here[_other_places(reach)]
    return np.asarray((here - others.mean()) / max(float(others.std()), 1e-6))


def _in_place(here: Floats) -> float:
    middle, slack = here.shape[0] // 2, IN_PLACE_PX
    return float(
        here[middle - slack : middle + slack + 1, middle - slack : middle + slack + 1].max()
    )


def _best_elsewhere(here: Floats, reach: int) -> tuple[tuple[int, int], float]:
    there = np.where(_other_places(reach), here, -np.inf)
    y, x = np.unravel_index(int(there.argmax()), there.shape)
    return (int(x) - reach, int(y) - reach), float(there[y, x])


def _other_places(reach: int) -> Mask:
    away = np.abs(np.arange(-reach, reach + 1)) > PEAK_PX
    return np.asarray(away[:, None] | away[None, :])
