"""Layers come back bit by bit; what would lose something is refused."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from parhelion.pipeline import encoding
from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.seeds import rng


def test_png_image_comes_back_and_pillow_sees_the_same():
    image = rng("tests.encoding").integers(0, 256, (9, 14, 3), dtype=np.uint8)
    data = encoding.image_to_bytes(image)
    np.testing.assert_array_equal(encoding.image_from_bytes(data), image)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(data))), image)


def test_jpeg_image_is_a_jpeg_and_close():
    ramp = np.linspace(0, 255, 64, dtype=np.uint8)
    image = np.stack(np.broadcast_arrays(ramp[:, None], ramp[None, :], np.uint8(90)), axis=2)
    data = encoding.image_to_bytes(np.ascontiguousarray(image), "jpeg")
    assert Image.open(io.BytesIO(data)).format == "JPEG"
    found = encoding.image_from_bytes(data).astype(int)
    assert np.abs(found - image).mean() < 3


def test_grey_layer_comes_back():
    layer = rng("tests.encoding").integers(0, 256, (9, 14), dtype=np.uint8)
    data = encoding.bytes_layer_to_bytes(layer)
    np.testing.assert_array_equal(encoding.bytes_layer_from_bytes(data, "stencil"), layer)
    assert Image.open(io.BytesIO(data)).mode == "L"


def test_depth_keeps_every_bit():
    depth = rng("tests.encoding").uniform(0, 300, (31, 47)).astype(np.float32)
    depth[0], depth[1], depth[2, 0], depth[2, 1] = np.inf, np.nan, -0.0, 1e-42
    data = encoding.depth_to_bytes(depth)
    assert encoding.depth_from_bytes(data).tobytes() == depth.tobytes()
    other = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert other.tobytes() == depth.tobytes()


def test_smooth_depth_is_stored_small():
    rows = np.linspace(2, 200, 144, dtype=np.float32)[:, None]
    depth = np.ascontiguousarray(np.broadcast_to(rows, (144, 256)))
    assert len(encoding.depth_to_bytes(depth)) < depth.nbytes / 5


@pytest.mark.parametrize("largest", [0, 3, 65535, 65536, 2**31 - 1])
def test_instances_come_back_whatever_the_ids(largest):
    instances = np.array([[0, 1, 2], [largest, 0, largest]], dtype=np.int32)
    data, remap = encoding.instances_to_bytes(instances)
    stored = np.asarray(Image.open(io.BytesIO(data)))
    np.testing.assert_array_equal(encoding.instances_from_bytes(data, remap), instances)
    assert (remap is None) == (largest <= 65535)
    if remap is None:  # the picture itself shows the ids
        np.testing.assert_array_equal(stored, instances)


def test_more_ids_than_16_bits_are_refused():
    instances = np.arange(2**16 + 5, dtype=np.int32)[None, :] + 70_000
    with pytest.raises(ValueError, match="at most 65535 instances, got 65541"):
        encoding.instances_to_bytes(instances)


@pytest.mark.parametrize(
    ("encode", "layer"),
    [
        (encoding.image_to_bytes, np.zeros((4, 4, 3), np.float32)),
        (encoding.image_to_bytes, np.zeros((4, 4), np.uint8)),
        (encoding.bytes_layer_to_bytes, np.zeros((4, 4), np.int32)),
        (encoding.depth_to_bytes, np.zeros((4, 4), np.float64)),
        (encoding.instances_to_bytes, np.zeros((4, 4), np.int64)),
    ],
)
def test_a_layer_of_another_type_is_refused(encode, layer):
    with pytest.raises(ValueError, match=r"wanted .* got .*"):
        encode(layer)


def test_an_unknown_format_is_refused():
    with pytest.raises(ValueError, match="stored as png or jpeg, got 'webp'"):
        encoding.image_to_bytes(np.zeros((4, 4, 3), np.uint8), "webp")


def test_unreadable_bytes_are_a_bad_frame():
    stencil = encoding.bytes_layer_to_bytes(np.zeros((4, 4), np.uint8))
    cases = [
        (lambda: encoding.image_from_bytes(b"no picture"), Reason.UNREADABLE_IMAGE),
        (lambda: encoding.image_from_bytes(b""), Reason.UNREADABLE_IMAGE),
        (lambda: encoding.depth_from_bytes(b"no picture"), Reason.UNREADABLE_LAYER),
        (lambda: encoding.depth_from_bytes(stencil), Reason.UNREADABLE_LAYER),
        (lambda: encoding.instances_from_bytes(stencil, None), Reason.UNREADABLE_LAYER),
    ]
    for decode, reason in cases:
        with pytest.raises(BadFrame) as caught:
            decode()
        assert caught.value.reason is reason
