"""The files of one frame: each read once, inside the root only, and counted into one digest."""

from collections.abc import Mapping
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from parhelion.pipeline.bad_frame import Reason
from parhelion.pipeline.seeds import canonical_json
from parhelion.sim_adapters import _documents as documents
from parhelion.sim_adapters import _image_files as image_files
from parhelion.sim_adapters import _layer_files as layer_files
from parhelion.sim_adapters._files_inside import file_inside, read_limited

T = TypeVar("T")


class SourceFiles:
    """What a frame lies in, by layer. Every method raises BadFrame that names the file."""

    def __init__(self, root: Path, files: Mapping[str, str], max_pixels: int) -> None:
        self.root = root
        self.names = files
        self.max_pixels = max_pixels
        self._hasher = sha256()

    def __contains__(self, layer: str) -> bool:
        return layer in self.names

    @cached_property
    def sha256(self) -> str:
        """Of all that was read, in the order of reading."""
        return self._hasher.hexdigest()

    def data(self, layer: str, reason: Reason = Reason.UNREADABLE_LAYER) -> bytes:
        """The bytes of a layer's file."""
        path = file_inside(self.root, self.root, self.names[layer])
        data = read_limited(path, self.max_pixels, reason)
        self._hasher.update(layer.encode() + len(data).to_bytes(8, "little"))
        self._hasher.update(data)  # apart, so that megabytes are not copied
        return data

    def count_in(self, record: object) -> None:
        """Counts a record of a file that many frames share into the digest of this one."""
        self._hasher.update(canonical_json(record).encode())

    def image(self, layer: str = "image") -> NDArray[np.uint8]:
        """(H, W, 3) uint8 sRGB; refused where EXIF turns it, because labels lie beside it."""
        data = self.data(layer, Reason.UNREADABLE_IMAGE)
        return image_files.decode_image(data, self.names[layer], self.max_pixels, upright=True)

    def ids(self, layer: str) -> NDArray[Any]:
        """One channel of whole numbers (H, W), of its own type; of a palette, its indices."""
        return layer_files.decode_ids(self.data(layer), self.names[layer], self.max_pixels)

    def channels(self, layer: str) -> NDArray[Any]:
        """Channels that are numbers, not colours: (H, W, 3 or 4) uint8 or uint16, R first."""
        return layer_files.decode_channels(self.data(layer), self.names[layer], self.max_pixels)

    def numbers(self, layer: str, dtype: type[np.generic], shape: tuple[int, ...]) -> NDArray[Any]:
        """Raw numbers without a header, little-endian, row after row."""
        return layer_files.decode_raw(self.data(layer), self.names[layer], dtype, shape)

    def npy(self, layer: str) -> NDArray[Any]:
        """The array of a .npy of numbers, of any shape."""
        return layer_files.decode_npy(self.data(layer), self.names[layer], self.max_pixels)

    def document(self, layer: str, wanted: TypeAdapter[T]) -> T:
        """A JSON file that must be what `wanted` says."""
        data = self.data(layer, Reason.BAD_METADATA)
        return documents.parse_json(data, wanted, self.names[layer])

    def text(self, layer: str) -> str:
        """A file of UTF-8 text."""
        return documents.parse_text(self.data(layer, Reason.BAD_METADATA), self.names[layer])
