"""The pictures on a street's parts as one long row of texels: a look at many parts is one gather.

Legend: P parts, R rays, T texels of all pictures.
"""

from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from parhelion.sim_adapters._street_mesh import Part

Floats = NDArray[np.floating[Any]]


class Pictures(NamedTuple):
    """Linear albedo of all parts; a part of one colour has a picture of one texel."""

    texels: Floats  # (T, 3)
    first: NDArray[np.intp]  # (P,) where each part's picture begins
    size: NDArray[np.intp]  # (2, P) width and height

    @classmethod
    def of(cls, parts: tuple[Part, ...]) -> Self:
        """The pictures of some parts; what several share is there once."""
        begins: dict[int, int] = {}
        rows: list[Floats] = []
        first, size, end = [], [], 0
        for part in parts:
            picture = part.texture
            if picture is None:
                picture = np.array([[part.colour]], dtype=np.float32)
            if id(part.texture) not in begins or part.texture is None:
                begins[id(part.texture)] = end
                rows.append(picture.reshape(-1, 3))
                end += len(rows[-1])
            first.append(begins[id(part.texture)])
            size.append((picture.shape[1], picture.shape[0]))
        return cls(np.concatenate(rows), np.array(first), np.array(size).reshape(-1, 2).T)

    def at(self, part: NDArray[np.int32], uv: Floats) -> Floats:
        """Albedo (R, 3) of parts (R,) at texture coordinates (2, R), which repeat."""
        size = self.size.take(part, 1)
        x, y = np.minimum(((uv - np.floor(uv)) * size).astype(np.intp), size - 1)
        return np.asarray(self.texels.take(self.first.take(part) + y * size[0] + x, 0))
