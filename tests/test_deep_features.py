"""The networks of Deep Feature Interpolation: found by hash, never mixed up, tapped where told."""

from pathlib import Path

import pytest
import torch
from torchvision.models.vgg import cfgs, make_layers

from parhelion.generators import _deep_features
from parhelion.generators.dfi import Dfi, DfiConfig
from parhelion.pipeline import pretrained


def test_missing_weights_are_told_before_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    assert Dfi(DfiConfig()).unready() is None  # the packaged network will do
    sentence = Dfi(DfiConfig(network="vgg19")).unready() or ""
    assert "dfi: the features of vgg19-imagenet1k-v1" in sentence
    assert str(tmp_path / "checkpoints" / "vgg19-dcbb9e9d.pth") in sentence

    def missing() -> Path:
        raise pretrained.WeightsMissing("mobilenet-v2 needs a file")

    monkeypatch.setattr(_deep_features, "mobilenet_path", missing)
    assert Dfi(DfiConfig()).unready() == "dfi: the features of mobilenet-v2 needs a file"


def test_vgg19_is_taken_where_its_file_has_the_right_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    layers = _deep_features.vgg19_layers()
    path = tmp_path / "checkpoints" / _deep_features.VGG19_FILE
    path.parent.mkdir()
    state = {f"features.{key}": value for key, value in layers.state_dict().items()}
    torch.save({**state, "classifier.0.weight": torch.zeros(1)}, path)
    assert _deep_features.network_at_hand() == "mobilenet"  # the hash is another's
    monkeypatch.setattr(_deep_features, "VGG19_HASH_PREFIX", "")
    assert _deep_features.network_at_hand() == "vgg19"
    x = torch.rand(1, 3, 32, 48)
    maps = _deep_features.deep_features("vgg19")(x)
    assert [tuple(m.shape[1:]) for m in maps] == [
        (64, 32, 48),
        (256, 8, 12),
        (512, 4, 6),
        (512, 2, 3),
    ]
    h = (x - torch.tensor(pretrained.IMAGENET_MEAN)[:, None, None]) / torch.tensor(
        pretrained.IMAGENET_STD
    )[:, None, None]
    assert torch.allclose(maps[0], layers[0](h), atol=1e-5)
    assert torch.allclose(maps[3], layers(h), atol=1e-5)


def test_the_layers_of_vgg19_are_torchvisions() -> None:
    theirs = make_layers(cfgs["E"])
    ours = _deep_features.vgg19_layers()
    assert [str(layer).replace(", inplace=True", "") for layer in ours] == [
        str(layer).replace(", inplace=True", "").replace("inplace=True", "")
        for layer in list(theirs)[: len(ours)]
    ]


def test_the_first_tap_is_linear_in_the_picture_and_no_later_layer_overwrites_it() -> None:
    phi = _deep_features.deep_features("mobilenet")
    a, b = torch.rand(2, 1, 3, 32, 32, generator=torch.Generator().manual_seed(4))
    mixed = phi(0.3 * a + 0.7 * b)[0]
    assert torch.allclose(mixed, 0.3 * phi(a)[0] + 0.7 * phi(b)[0], atol=1e-3)
    assert (mixed < 0).any()
    assert all((m >= 0).all() for m in phi(a)[1:])
