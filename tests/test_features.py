"""Feature networks: checked weights, no neighbours in a batch, and clear words where one lacks."""

from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import make_frame
from torchvision.models import mobilenet_v2

from parhelion.pipeline import features
from parhelion.pipeline.features import (
    INCEPTION,
    default_network,
    feature_network,
)
from parhelion.pipeline.pretrained import (
    MOBILENET,
    MOBILENET_SHA256,
    WeightsMissing,
    mobilenet_path,
)


@pytest.fixture
def empty_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A torch cache folder without the Inception."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    return tmp_path / "checkpoints" / features.INCEPTION_FILE


def test_mobilenet_equals_torchvisions_own_forward() -> None:
    image = make_frame(1, 224, 224).image  # at the network's size, so that no resize is in between
    net = mobilenet_v2(weights=None)
    net.load_state_dict(torch.load(mobilenet_path(), weights_only=True))
    x = torch.from_numpy(image.copy()).permute(2, 0, 1)[None] / 255
    mean, std = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    x = (x - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]
    with torch.inference_mode():
        expected = net.eval().features(x).mean((2, 3)).numpy()
    ours = feature_network(MOBILENET)([image])
    assert ours.shape == (1, 1280)
    np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-5)


def test_a_vector_does_not_depend_on_its_neighbours() -> None:
    network = feature_network(MOBILENET)
    images = [make_frame(i).image for i in range(3)]
    together = network(images)
    np.testing.assert_array_equal(together[1:2], network(images[1:2]))
    np.testing.assert_array_equal(together[::-1], network(images[::-1]))
    assert not np.array_equal(together[0], together[1])


def test_threads_are_left_as_they_were() -> None:
    before = torch.get_num_threads()
    feature_network(MOBILENET)([make_frame(0).image])
    assert torch.get_num_threads() == before


def test_passport_names_network_weights_resize_and_quantisation() -> None:
    passport = feature_network(MOBILENET).passport
    assert passport.network == MOBILENET
    assert passport.weights_sha256 == MOBILENET_SHA256
    assert "224x224" in passport.resize
    assert "uint8" in passport.quantisation


def test_default_is_mobilenet_where_the_inception_is_not_at_hand(empty_hub: Path) -> None:
    assert default_network() == MOBILENET
    empty_hub.write_bytes(b"there")
    assert default_network() == INCEPTION


def test_missing_inception_says_what_to_place_where(empty_hub: Path) -> None:
    with pytest.raises(
        WeightsMissing, match=f"place {features.INCEPTION_FILE} in {empty_hub.parent}"
    ):
        feature_network(INCEPTION)


def test_wrong_weights_and_unknown_names_are_refused(empty_hub: Path) -> None:
    empty_hub.write_bytes(b"something else")
    with pytest.raises(ValueError, match=r"wanted sha256 6726825d\.\.\., got"):
        feature_network(INCEPTION)
    with pytest.raises(KeyError, match=f"there are: {INCEPTION}, {MOBILENET}"):
        feature_network("vgg")


def test_inception_gives_torch_fidelitys_pool3(
    empty_hub: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from torch_fidelity import feature_extractor_inceptionv3 as reference

    # Weights of the right shapes and any values: what is under test is the way in and out.
    monkeypatch.setattr(reference, "load_state_dict_from_url", lambda *_, **__: {})
    monkeypatch.setattr(
        reference.FeatureExtractorInceptionV3, "load_state_dict", lambda *_: None, raising=False
    )
    torch.manual_seed(0)
    theirs = reference.FeatureExtractorInceptionV3("theirs", ["2048"])
    monkeypatch.undo()
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(empty_hub.parents[1]))
    monkeypatch.setattr(features, "INCEPTION_SHA256_START", "")
    torch.save(theirs.state_dict(), empty_hub)
    image = make_frame(2).image
    ours = features._inception()
    assert ours.passport.network == INCEPTION
    with torch.inference_mode():
        expected = theirs(torch.from_numpy(image.copy()).permute(2, 0, 1)[None])[0].numpy()
    np.testing.assert_allclose(ours([image]), expected, rtol=1e-4, atol=1e-6)
