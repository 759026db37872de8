"""How much is left to know at every noise level, learnt beside the denoiser.

With equation 8 of EDM every level weighs the same at the start; later those that cannot be learnt
further, where little noise hides little, keep their loss and fill the gradient, while the shapes of
things, at the middle levels, hardly count. Karras et al. 2024 (EDM2, "Analyzing and Improving the
Training Dynamics of Diffusion Models") divide each level's loss by what it is expected to be:

    loss / exp(u(sigma)) + u(sigma)

is least where exp(u) is the mean loss of the level.
"""

from torch import Tensor, nn

from parhelion.generators._noise_levels import WAVES, waves

RATE = 1e-2  # of learning: a curve over the levels follows faster than a network


class Uncertainty(nn.Module):
    """u(sigma); untrained: nought, so that every level counts as equation 8 says."""

    def __init__(self) -> None:
        super().__init__()
        self.tell = nn.Linear(WAVES, 1)
        for parameter in self.tell.parameters():
            nn.init.zeros_(parameter)

    def forward(self, level: Tensor) -> Tensor:
        """(N,) of c_noise (N,)."""
        u: Tensor = self.tell(waves(level))[:, 0]
        return u

    def evened(self, losses: Tensor, level: Tensor) -> Tensor:
        """Losses (N,) at these levels (N,), each against what is expected there."""
        u: Tensor = self(level)
        return losses * (-u).exp() + u
