"""Whatever a file is made of, decoding it gives pixels or a reason, and nothing else."""

import io
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import ExifTags, Image

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.seeds import rng
from parhelion.sim_adapters import _image_files as image_files
from parhelion.sim_adapters import _layer_files as layer_files

LIMIT = 4096
ROUNDS = 60
GREY = rng("tests.image_files").integers(0, 256, (20, 30), dtype=np.uint8)

Decode = Callable[[bytes], NDArray[np.generic]]


def encoded(array: NDArray[np.generic], kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, kind, **options)
    return buffer.getvalue()


def npy(array: NDArray[np.generic]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def image(data: bytes) -> NDArray[np.generic]:
    return image_files.decode_image(data, "x", LIMIT, upright=False)


def ids(data: bytes) -> NDArray[np.generic]:
    return layer_files.decode_ids(data, "x", LIMIT)


def depth(data: bytes) -> NDArray[np.generic]:
    return layer_files.decode_depth(
        data, "x", LIMIT, metres_per_unit=0.1, unknown_value=0, sky_value=None
    )


RGB = np.dstack([GREY, GREY.T.reshape(GREY.shape), GREY])
DEPTH = GREY.astype(np.float32) + 1
FILES: dict[str, tuple[bytes, Decode]] = {
    "png": (encoded(RGB, "PNG"), image),
    "jpeg": (encoded(RGB, "JPEG"), image),
    "webp": (encoded(RGB, "WEBP", lossless=True), image),
    "bmp": (encoded(RGB, "BMP"), image),
    "tiff": (encoded(RGB, "TIFF", compression="tiff_adobe_deflate"), image),
    "mask": (encoded(GREY, "PNG"), ids),
    "depth tiff": (encoded(DEPTH, "TIFF", compression="tiff_adobe_deflate"), depth),
    "depth png": (encoded(GREY.astype(np.uint16), "PNG"), depth),
    "depth npy": (npy(DEPTH), depth),
}


@pytest.mark.parametrize("kind", FILES)
def test_a_damaged_file_gives_pixels_or_a_reason(kind: str) -> None:
    whole, decode = FILES[kind]
    assert decode(whole).shape[:2] == GREY.shape
    random = rng("tests.image_files", kind)
    refused: list[str] = []
    for _ in range(ROUNDS):
        data = bytearray(whole)
        for place in random.integers(0, len(data), int(random.integers(1, 6))):
            data[place] = int(random.integers(0, 256))
        cut = int(random.integers(0, len(data) + 1)) if random.random() < 0.5 else len(data)
        try:
            pixels = decode(bytes(data[:cut]))
        except BadFrame as error:
            refused.append(error.sentence)
        else:
            assert pixels.shape[0] * pixels.shape[1] <= LIMIT
    assert refused
    assert all(sentence.startswith("x: wanted") for sentence in refused)
    assert not any(" at 0x" in sentence for sentence in refused)


@pytest.mark.parametrize("pixels", [RGB, GREY], ids=["colour", "grey"])
@pytest.mark.parametrize(
    "options",
    [
        {"quality": 40},
        {"quality": 95, "subsampling": 0},
        {"progressive": True},
        {"optimize": True, "restart_marker_rows": 1},
    ],
    ids=str,
)
def test_a_jpeg_is_what_pillow_makes_of_it_and_a_torn_one_is_refused(
    pixels: NDArray[np.uint8], options: dict[str, object]
) -> None:
    data = encoded(pixels, "JPEG", **options)
    with Image.open(io.BytesIO(data)) as picture:
        assert np.array_equal(image(data), np.asarray(picture.convert("RGB")))
    for end in (len(data) // 2, len(data) - 2):
        with pytest.raises(BadFrame) as refused:
            image(data[:end])
        assert refused.value.reason is Reason.UNREADABLE_IMAGE


def spoilt(data: bytes, random: np.random.Generator) -> bytes:
    """A PNG with some bits flipped, its sums of every chunk made right again."""
    flipped = bytearray(data)
    for place in random.integers(33, len(data) - 12, 3):  # the header and the end stay
        flipped[place] ^= 1 << int(random.integers(8))
    made, at = flipped[:8], 8
    while at < len(flipped):
        end = at + 8 + int.from_bytes(flipped[at : at + 4])
        made += flipped[at:end] + zlib.crc32(flipped[at + 4 : end]).to_bytes(4)
        at = end + 4
    return bytes(made)


@pytest.mark.parametrize(("pixels", "decode"), [(RGB, image), (GREY, ids)], ids=["image", "ids"])
def test_a_png_is_what_pillow_makes_of_it_however_it_is_spoilt(
    pixels: NDArray[np.uint8], decode: Decode
) -> None:
    whole, random = encoded(pixels, "PNG", compress_level=0), rng("tests.spoilt_png")
    read = 0
    for data in (whole, *(spoilt(whole, random) for _ in range(ROUNDS))):
        try:
            with Image.open(io.BytesIO(data), formats=["PNG"]) as picture:
                wanted = np.asarray(picture)
        except (OSError, SyntaxError, ValueError):
            with pytest.raises(BadFrame):
                decode(data)
        else:
            assert np.array_equal(decode(data), wanted)
            read += 1
    assert read


def test_a_png_that_is_turned_or_moves_is_read_as_such() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # a quarter to the right
    assert np.array_equal(image(encoded(RGB, "PNG", exif=exif)), np.rot90(RGB, -1))
    with pytest.raises(BadFrame, match="wanted an upright picture"):
        image_files.decode_image(encoded(RGB, "PNG", exif=exif), "x", LIMIT, upright=True)
    later = [Image.fromarray(RGB[::-1])]
    moving = encoded(RGB, "PNG", save_all=True, append_images=later, default_image=True)
    assert np.array_equal(image(moving), RGB)


@pytest.mark.parametrize("shape", ["(9, 9)", "(90000, 90000)", "(2, 2, 2)", "(-2, -2)"])
def test_a_numpy_header_is_not_believed(shape: str) -> None:
    """The file holds 4 numbers, whatever its header promises."""
    data = npy(np.zeros((2, 2), np.float32))
    start, end = data.index(b"(2, 2)"), data.index(b"\n")
    promised = data[start:end].replace(b"(2, 2)", shape.encode())[: end - start]
    with pytest.raises(BadFrame, match="x: wanted"):
        depth(data[:start] + promised + data[end:])


def test_one_bit_a_pixel_is_a_mask_of_0_and_255() -> None:
    mask = rng("tests.bits").integers(0, 2, (4, 9), dtype=np.uint8) * np.uint8(255)
    buffer = io.BytesIO()
    Image.fromarray(mask).convert("1").save(buffer, "PNG")  # as optimisers of PNG write it
    assert np.array_equal(ids(buffer.getvalue()), mask)
