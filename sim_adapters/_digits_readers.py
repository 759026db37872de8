"""The files of the sets of digits, each read once and whole: IDX, MATLAB 5, LIBSVM, and a table.

Every reader is `(root, part) -> Labelled` and raises BadFrame for a file that is not what it says.
"""

import io
import math
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.sim_adapters._digits_files import (
    CLASSES,
    MOST_BYTES,
    Labelled,
    found_file,
    same_count,
    unpacked_file,
)

IDX_UBYTE = 8  # the third byte of an IDX file: unsigned bytes follow
IDX_STEMS = {"train": "train", "test": "t10k"}
MAT_COMPRESSED = 15  # an element that is itself packed
MAT_HEADER = 128  # bytes
USPS_FILES = {"train": "usps.bz2", "test": "usps.t.bz2"}
USPS_SIDE = 16
SKLEARN_FILE = "digits.csv.gz"
SKLEARN_SIDE, SKLEARN_INK = 8, 16  # ink of a pixel: how many of 4x4 dots are black
# Where the forms of scikit-learn's table begin: each person wrote the same row of printed digits.
SKLEARN_FORMS = (0, 130, 256, 386, 516, 646, 776, 906, 1029, 1157, 1287, 1415, 1545, 1667)


def idx(root: Path, part: str) -> Labelled:
    """MNIST's own format: big-endian sizes, then bytes."""
    names = {
        layer: found_file(root, [f"{stem}-ubyte" for stem in _idx_stems(part, layer, dims)])
        for layer, dims in (("images", 3), ("labels", 1))
    }
    pixels = _idx_values(unpacked_file(root, names["images"]), names["images"], 3)
    labels = _idx_values(unpacked_file(root, names["labels"]), names["labels"], 1)
    same_count(names["labels"], len(pixels), len(labels))
    return Labelled(pixels=pixels, labels=labels.astype(np.int64), files=names)


def _idx_stems(part: str, layer: str, dims: int) -> tuple[str, str]:
    """Some who pass the files on write a dot for the dash."""
    stem = f"{IDX_STEMS[part]}-{layer}"
    return f"{stem}-idx{dims}", f"{stem}.idx{dims}"


def _idx_values(data: bytes, name: str, dims: int) -> NDArray[np.uint8]:
    header = 4 * (1 + dims)
    if data[:4] != bytes([0, 0, IDX_UBYTE, dims]) or len(data) < header:
        sentence = f"{name}: wanted an IDX file of bytes in {dims} dimensions, got {data[:4]!r}"
        raise BadFrame(Reason.UNREADABLE_IMAGE, sentence)
    shape = struct.unpack(f">{dims}I", data[4:header])
    if len(data) != header + math.prod(shape) or not all(shape):
        sentence = f"{name}: wanted {shape} bytes behind the header, got {len(data) - header:,}"
        raise BadFrame(Reason.WRONG_SHAPE, sentence)
    return np.frombuffer(data, np.uint8, offset=header).reshape(shape)


def svhn(root: Path, part: str) -> Labelled:
    """Cropped house numbers: X (H, W, 3, N) bytes and y (N, 1), in which 10 means 0."""
    from scipy.io import loadmat  # slow to import

    name = found_file(root, [f"{part}_32x32.mat"])
    plain = _mat_unpacked(unpacked_file(root, name), name)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            held = loadmat(io.BytesIO(plain), variable_names=("X", "y"), mat_dtype=False)
        x, y = held["X"], held["y"]
    except Exception as error:  # a reader of strangers' bytes that names no exception of its own
        sentence = f"{name}: wanted a MATLAB 5 file with X and y, got {error!s:.200}"
        raise BadFrame(Reason.UNREADABLE_IMAGE, sentence) from error
    numbers = isinstance(x, np.ndarray) and isinstance(y, np.ndarray) and y.dtype.kind in "iuf"
    if not numbers or x.dtype != np.uint8 or x.ndim != 4 or x.shape[2] != 3:
        sentence = f"{name}: wanted X (H, W, 3, N) of bytes and numbers y, got {_shape(x)}"
        raise BadFrame(Reason.WRONG_SHAPE, sentence)
    same_count(name, x.shape[3], y.size)
    labels = _whole(y.reshape(-1))
    labels[labels == CLASSES] = 0
    return Labelled(pixels=np.moveaxis(x, 3, 0), labels=labels, files={"images": name})


def _shape(x: Any) -> str:
    return f"{x.dtype} {x.shape}" if isinstance(x, np.ndarray) else type(x).__name__


def _mat_unpacked(data: bytes, name: str) -> bytes:
    """The same file with nothing packed, so that its reader cannot be made to unpack a bomb."""
    pieces, place, room = [data[:MAT_HEADER]], MAT_HEADER, MOST_BYTES
    order = ">" if data[126:128] == b"MI" else "<"
    while place + 8 <= len(data):
        kind, size = struct.unpack(f"{order}II", data[place : place + 8])
        body = data[place + 8 : place + 8 + size]
        if kind == MAT_COMPRESSED:
            try:
                body = zlib.decompressobj().decompress(body, room)
            except zlib.error as error:
                sentence = f"{name}: wanted a whole MATLAB 5 file, got {error}"
                raise BadFrame(Reason.UNREADABLE_IMAGE, sentence) from error
        else:
            body = data[place : place + 8] + body
        pieces.append(body)
        room -= len(body)
        if room <= 0:
            sentence = f"{name}: wanted at most {MOST_BYTES:,} bytes, got more"
            raise BadFrame(Reason.OVERSIZED_IMAGE, sentence)
        place += 8 + size
    return b"".join(pieces)


def usps(root: Path, part: str) -> Labelled:
    """LIBSVM's text: a label of 1 to 10 for 0 to 9, then 256 times place:ink, ink in -1..1."""
    name = found_file(root, [USPS_FILES[part]])
    rows = _table(unpacked_file(root, name).replace(b":", b" "), name, None)
    places = np.arange(1, USPS_SIDE**2 + 1)
    if rows.shape[1] != 1 + 2 * len(places) or (rows[:, 1::2] != places).any():
        sentence = f"{name}: wanted a label and {len(places)} numbered values in each row"
        raise BadFrame(Reason.WRONG_SHAPE, sentence)
    ink = rows[:, 2::2]
    if not (np.abs(ink) <= 1).all():
        raise BadFrame(Reason.WRONG_TYPE, f"{name}: wanted ink of -1 to 1, got other numbers")
    pixels = np.rint((ink + 1) * 127.5).astype(np.uint8).reshape(-1, USPS_SIDE, USPS_SIDE)
    return Labelled(pixels=pixels, labels=_whole(rows[:, 0]) - 1, files={"images": name})


def scikit_learn(root: Path, part: str) -> Labelled:
    """Rows of 64 counts of ink, 0 to 16, and the digit."""
    name = found_file(root, [SKLEARN_FILE.removesuffix(".gz")])
    rows = _table(unpacked_file(root, name), name, ",")
    dots = rows[:, :-1]
    if dots.shape[1] != SKLEARN_SIDE**2 or not ((dots >= 0) & (dots <= SKLEARN_INK)).all():
        sentence = f"{name}: wanted rows of {SKLEARN_SIDE**2} numbers of 0 to {SKLEARN_INK}, digit"
        raise BadFrame(Reason.WRONG_SHAPE, sentence)
    pixels = np.rint(dots * (255 / SKLEARN_INK)).astype(np.uint8)
    forms = np.searchsorted(SKLEARN_FORMS, np.arange(len(rows)), side="right")
    return Labelled(
        pixels=pixels.reshape(-1, SKLEARN_SIDE, SKLEARN_SIDE),
        labels=_whole(rows[:, -1]),
        files={"images": name},
        groups=[f"form-{form}" for form in forms.tolist()],
    )


def _table(data: bytes, name: str, delimiter: str | None) -> NDArray[np.float64]:
    """Rows of equally many numbers (N, columns). Raises BadFrame."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a file without rows is a warning only
            rows: NDArray[np.float64] = np.loadtxt(
                io.BytesIO(data), np.float64, delimiter=delimiter, comments=None, ndmin=2
            )
    except (ValueError, UserWarning, OverflowError) as error:
        sentence = f"{name}: wanted rows of numbers, got {error!s:.200}"
        raise BadFrame(Reason.UNREADABLE_IMAGE, sentence) from error
    return rows


def _whole(numbers: NDArray[Any]) -> NDArray[np.int64]:
    """Whole numbers as they are; all others become -1, which no vocabulary has."""
    known = np.isin(numbers, np.arange(CLASSES + 1))
    return np.where(known, numbers, -1).astype(np.int64)
