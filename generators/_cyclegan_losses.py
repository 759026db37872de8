"""The objective of CycleGAN. Zhu, Park, Isola, Efros, "Unpaired Image-to-Image Translation using
Cycle-Consistent Adversarial Networks", ICCV 2017.
"""

from torch import Tensor


def critic_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Half of E[(D(y) - 1)^2] + E[D(G(x))^2] (section 4; Mao et al. 2017), of scores."""
    return ((real - 1).square().mean() + fake.square().mean()) / 2


def generator_loss(fake: Tensor) -> Tensor:
    """E[(D(G(x)) - 1)^2], of scores."""
    return (fake - 1).square().mean()


def cycle_loss(x: Tensor, again_x: Tensor, y: Tensor, again_y: Tensor) -> Tensor:
    """E|F(G(x)) - x| + E|G(F(y)) - y|, mean over pixels (equation 2)."""
    return (again_x - x).abs().mean() + (again_y - y).abs().mean()


def identity_loss(x: Tensor, own_x: Tensor, y: Tensor, own_y: Tensor) -> Tensor:
    """E|G(y) - y| + E|F(x) - x|, mean over pixels (section 5.2)."""
    return (own_y - y).abs().mean() + (own_x - x).abs().mean()
