"""What G and D are trained on, as plain functions of scores.

Legend: D(x) = scores (N,) of pictures, high = real.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from parhelion.generators._settings import Objective


def real_loss(objective: Objective, scores: Tensor) -> Tensor:
    """What D loses (N,) by these scores of what counts as real.

    non_saturating: -log sigmoid D(x) (Goodfellow et al. 2014, eq. 1). hinge: max(0, 1 - D(x)) (Lim
    and Ye 2017, Miyato et al. 2018).
    """
    if objective == "hinge":
        return functional.relu(1 - scores)
    return functional.softplus(-scores)


def false_loss(objective: Objective, scores: Tensor) -> Tensor:
    """What D loses (N,) by these scores of what counts as false.

    non_saturating: -log(1 - sigmoid D(x)). hinge: max(0, 1 + D(x)).
    """
    if objective == "hinge":
        return functional.relu(1 + scores)
    return functional.softplus(scores)


def generator_loss(objective: Objective, scores: Tensor) -> Tensor:
    """What G loses (N,) by the scores of its pictures.

    non_saturating: -log sigmoid D(G(z)) (Goodfellow et al. 2014, section 3). hinge: -D(G(z)).
    """
    return -scores if objective == "hinge" else functional.softplus(-scores)


def r1(score: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """E |grad_x D(x)|^2 over real pictures (N, C, H, W) (Mescheder et al. 2018, eq. 9 without
    gamma / 2). It has a gradient in D's weights.
    """
    x = x.detach().requires_grad_()
    [gradient] = torch.autograd.grad(score(x).sum(), x, create_graph=True)
    return gradient.square().sum(dim=(1, 2, 3)).mean()
