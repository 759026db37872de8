"""How networks of whole pictures read y: in units of its spread.

Legend: N, n = vectors, Y = entries of a y vector.
"""

import torch
from torch import Tensor, nn

SPREAD = 1e-8  # from which an entry varies


class ReadY(nn.Module):
    """Y in units of its spread over the training cells, as equalised layers want their input.

    Of a one-hot class among many constant entries a bare linear layer would read little. Entries
    that never vary count as zero: nothing was learnt of them.
    """

    mean: Tensor
    rate: Tensor

    def __init__(self, y_size: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(y_size))
        self.register_buffer("rate", torch.ones(y_size))

    @torch.no_grad()
    def measure(self, y: Tensor) -> None:
        """Takes mean and spread from y vectors (n, Y), as many of each cell."""
        spread = y.std(dim=0, correction=0)
        varies = spread > SPREAD
        live = varies.sum().clamp(min=1)
        self.mean.copy_(y.mean(dim=0))
        self.rate.copy_(torch.where(varies, (len(spread) / live).sqrt() / spread, 0.0))

    def forward(self, y: Tensor) -> Tensor:
        """(N, Y) -> (N, Y) of mean square 1 over the entries, on average."""
        scaled: Tensor = (y - self.mean) * self.rate
        return scaled
