"""Sets of digits: our readers against others' on the same files, their traps, and drawn digits."""

import bz2
import gzip
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mutations import read_everything, relocated, spoil
from outside_watch import WATCH
from pydantic import ValidationError
from recordings import digits as written
from scipy.io import savemat

from parhelion.pipeline import parts
from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.provenance import Kind

WRITERS = (written.write_idx, written.write_svhn, written.write_usps, written.write_scikit_learn)


def adapter(**told: Any) -> Any:
    return parts.build("sim_adapters", "digits", **told)


def frames(**told: Any) -> list[Frame]:
    made = adapter(**told)
    return [made.read(ref) for ref in made.index()]


def labels(found: list[Frame]) -> list[int]:
    return [frame.label.index for frame in found if frame.label is not None]


def font_folder() -> Path:
    """Where the machine keeps its fonts."""
    for place in (Path("/usr/share/fonts"), Path("/Library/Fonts")):
        if any(place.rglob("*.ttf")):
            return place
    pytest.skip("no fonts on this machine")


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("part", ["train", "test"])
def test_every_set_has_its_labels_in_order(write: Any, part: str, tmp_path: Path) -> None:
    if part == "test" and write is written.write_scikit_learn:
        pytest.skip("it has one part")
    found = frames(**write(tmp_path), part=part)
    assert labels(found) == written.LABELS.tolist()
    for frame in found:
        assert frame.label is not None
        assert frame.label.vocabulary == tuple("0123456789")
        assert not frame.label.mirror_safe
        assert frame.layers == {"label"}
        assert frame.provenance.kind is Kind.REAL


@pytest.mark.parametrize(
    ("dataset", "other"), [("mnist", "MNIST"), ("fashion-mnist", "FashionMNIST")]
)
def test_idx_reads_as_torchvision_does(dataset: str, other: str, tmp_path: Path) -> None:
    from torchvision import datasets

    raw = tmp_path / other / "raw"
    raw.mkdir(parents=True)
    written.write_idx(raw)
    for packed in raw.glob("*.gz"):  # torchvision reads plain files; ours lie beside packed ones
        packed.with_suffix("").write_bytes(gzip.decompress(packed.read_bytes()))
    ours = frames(dataset=dataset, path=tmp_path)
    theirs = getattr(datasets, other)(tmp_path)
    assert [int(label) for _, label in theirs] == labels(ours)
    for frame, (picture, _) in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(frame.image, np.asarray(picture.convert("RGB")))
    if dataset == "fashion-mnist":
        assert ours[0].label is not None
        assert list(ours[0].label.vocabulary) == theirs.classes


def test_usps_reads_as_torchvision_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision import datasets

    monkeypatch.setattr("torchvision.datasets.usps.download_url", lambda *a, **k: None)
    ours = frames(**written.write_usps(tmp_path))
    theirs = datasets.USPS(tmp_path, download=False)
    assert [label for _, label in theirs] == labels(ours)
    for frame, (picture, _) in zip(ours, theirs, strict=True):
        apart = np.abs(frame.image[..., 0].astype(int) - np.asarray(picture))
        assert apart.max() <= 1  # they cut the fraction off, ours is rounded


def test_svhn_reads_as_torchvision_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision import datasets

    monkeypatch.setattr(datasets.SVHN, "_check_integrity", lambda self: True)
    ours = frames(**written.write_svhn(tmp_path))
    theirs = datasets.SVHN(tmp_path, download=False)
    assert [label for _, label in theirs] == labels(ours)
    for frame, (picture, _) in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(frame.image, np.asarray(picture))


def test_scikit_learn_is_found_and_equals_its_own_reader() -> None:
    from sklearn.datasets import load_digits

    theirs, ours = load_digits(), frames()
    assert labels(ours) == theirs.target.tolist()
    pixels = np.stack([frame.image[..., 0] for frame in ours])
    np.testing.assert_array_equal(pixels, np.rint(theirs.images * 255 / 16))


def test_forms_begin_with_the_printed_row() -> None:
    found = frames()
    forms = [frame.group_id for frame in found]
    starts = [i for i in range(len(forms)) if i == 0 or forms[i] != forms[i - 1]]
    assert len(starts) == len(set(forms)) == 14
    told = labels(found)
    for start in starts:
        assert told[start : start + 5] in ([0, 1, 2, 3, 4], [1, 2, 3, 4, 5])


def test_a_size_pads_28_and_scales_the_rest(tmp_path: Path) -> None:
    folder = tmp_path / "idx"
    folder.mkdir()
    told = written.write_idx(folder)
    for small, large in zip(frames(**told), frames(**told, size=32), strict=True):
        np.testing.assert_array_equal(large.image[2:-2, 2:-2], small.image)
        assert large.image.sum() == small.image.sum()
    assert frames(**told, size=16)[0].size == (16, 16)
    table = written.write_scikit_learn(tmp_path)
    framed = frames(**table, size=32, margin=4)[0].image
    assert framed.shape == (32, 32, 3)
    assert framed[4:-4, 4:-4].any()
    assert not framed[:4].any()
    assert not framed[:, -4:].any()
    # Enlarged and made small again it is what it was, but for the ringing of the splines.
    whole = frames(**table, size=32)[0].image.reshape(8, 4, 8, 4, 3).mean((1, 3))
    assert np.corrcoef(whole.ravel(), frames(**table)[0].image.ravel())[0, 1] > 0.95


def test_each_picture_is_a_group_of_its_own(tmp_path: Path) -> None:
    found = frames(**written.write_idx(tmp_path))
    assert len({frame.group_id for frame in found}) == len(found)
    test = frames(**written.write_idx(tmp_path), part="test")
    assert not {f.group_id for f in found} & {f.group_id for f in test}


def test_a_label_without_a_class_refuses_its_picture_alone(tmp_path: Path) -> None:
    told = written.write_idx(tmp_path)
    file = tmp_path / "train-labels-idx1-ubyte.gz"
    file.write_bytes(gzip.compress(gzip.decompress(file.read_bytes())[:-1] + b"\x0a"))
    made = adapter(**told)
    *sound, bad = made.index()
    assert len([made.read(ref) for ref in sound]) == len(written.LABELS) - 1
    with pytest.raises(BadFrame, match=r"wanted a class of 0 to 9, got another \(10\)") as error:
        made.read(bad)
    assert error.value.reason is Reason.UNKNOWN_CLASS


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def bomb(path: Path) -> None:
    path.write_bytes(bz2.compress(bytes(1 << 24)))


@pytest.mark.parametrize(
    ("write", "file", "harm", "sentence"),
    [
        (written.write_idx, "train-images-idx3-ubyte", cut, "behind the header, got"),
        (written.write_idx, "train-images-idx3-ubyte", Path.unlink, "found none of that name"),
        (written.write_idx, "train-labels-idx1-ubyte.gz", bomb, "wanted a whole packed file"),
        (written.write_svhn, "train_32x32.mat", cut, "wanted a"),
        (written.write_usps, "usps.bz2", cut, "whose end is missing"),
        (written.write_usps, "usps.bz2", bomb, "wanted rows of numbers"),
        (written.write_scikit_learn, "digits.csv.gz", cut, "whose end is missing"),
    ],
)
def test_a_broken_file_is_one_refusal_with_a_sentence(
    write: Any, file: str, harm: Callable[[Path], None], sentence: str, tmp_path: Path
) -> None:
    told = write(tmp_path)
    harm(tmp_path / file)
    made = adapter(**told)
    (only,) = made.index()
    with pytest.raises(BadFrame, match=sentence):
        made.read(only)


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        written.write_idx(tmp_path / name)
    made = adapter(dataset="mnist", path=tmp_path)
    with pytest.raises(BadFrame, match="set `path` to the folder of one of them"):
        made.read(made.index()[0])


def test_more_pictures_than_a_file_may_hold_are_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("parhelion.sim_adapters._digits_files.MOST_BYTES", 1000)
    monkeypatch.setattr("parhelion.sim_adapters._digits_readers.MOST_BYTES", 1000)
    told = written.write_usps(tmp_path)
    (tmp_path / "usps.bz2").write_bytes(bz2.compress(b" " * 5000))
    made = adapter(**told)
    with pytest.raises(BadFrame, match="wanted at most 1,000 bytes, got more"):
        made.read(made.index()[0])


def test_a_matlab_file_without_bytes_is_refused(tmp_path: Path) -> None:
    savemat(tmp_path / "train_32x32.mat", {"X": np.zeros((4, 4, 3, 2)), "y": np.zeros((2, 1))})
    made = adapter(dataset="svhn", path=tmp_path)
    with pytest.raises(BadFrame, match=r"wanted X \(H, W, 3, N\) of bytes.*float64"):
        made.read(made.index()[0])


def test_fonts_draw_every_digit_from_a_seed() -> None:
    told = {"dataset": "fonts", "path": font_folder(), "size": 32}
    some = {"frames": 20, "seed": 3}
    found = frames(**told, fonts=some)
    assert labels(found) == list(range(10)) * 2
    again = frames(**told, fonts=some)
    assert [f.content_sha256 for f in found] == [f.content_sha256 for f in again]
    other = frames(**told, fonts=some | {"seed": 4})
    test = frames(**told, fonts=some, part="test")
    for sets in (other, test):
        assert not {f.content_sha256 for f in found} & {f.content_sha256 for f in sets}
    for frame in found:
        assert frame.provenance.kind is Kind.SIMULATED
        assert frame.image.max() == 255
        assert not frame.image[[0, -1]].any()
        assert not frame.image[:, [0, -1]].any()
    more = frames(**told, fonts=some | {"frames": 30})
    assert more[0].content_sha256 == found[0].content_sha256


def test_a_face_is_a_group_and_can_be_asked_for() -> None:
    folder = font_folder()
    face = next(iter(sorted(folder.rglob("DejaVuSans*.ttf"))), None)
    if face is None:
        pytest.skip("no such face here")
    told = {"dataset": "fonts", "path": folder}
    found = frames(**told, fonts={"frames": 10, "faces": [face.stem]})
    assert {f.group_id for f in found} == {f"fonts/{face.relative_to(folder)}"}
    made = adapter(**told, fonts={"faces": ["No Such Face"]})
    with pytest.raises(BadFrame, match="wanted No Such Face with ten digits"):
        made.read(made.index()[0])


def test_upright_digits_stay_within_their_heights() -> None:
    straight = {"turn_deg": 0, "slant": 0, "stroke": 0, "least_height": 0.5, "most_height": 0.5}
    told = {"dataset": "fonts", "path": font_folder(), "size": 64}
    for frame in frames(**told, fonts={"frames": 20, **straight}):
        rows = np.flatnonzero(frame.image[..., 0].max(1) > 60)
        assert abs(np.ptp(rows) + 1 - 32) <= 2


def test_settings_that_leave_no_picture_are_refused() -> None:
    with pytest.raises(ValidationError, match="wanted a margin below half of the size, got 16"):
        adapter(size=32, margin=16)
    with pytest.raises(ValidationError, match="dataset"):
        adapter(dataset="letters")


@pytest.mark.parametrize("write", WRITERS[1:])
def test_spoilt_files_of_the_other_sets_are_refused_or_read(write: Any, tmp_path: Path) -> None:
    sound, spoilt = tmp_path / "sound", tmp_path / "spoilt"
    sound.mkdir()
    told = write(sound)

    @settings(max_examples=12)
    @given(seed=st.integers(0, 2**32))
    def fuzz(seed: int) -> None:
        shutil.rmtree(spoilt, ignore_errors=True)
        shutil.copytree(sound, spoilt)
        how = spoil(spoilt, seed)
        WATCH.root = spoilt
        try:
            outcome = read_everything(adapter(**relocated(told, sound, spoilt)), how)
        finally:
            WATCH.root = None
        assert outcome.read + len(outcome.refused) > 0

    fuzz()
