"""A label file whose picture is missing is reported, and does not vanish from the index."""

import shutil
from pathlib import Path

import pytest
import recordings

from parhelion.pipeline import parts
from parhelion.pipeline.bad_frame import BadFrame, Reason


@pytest.mark.parametrize(
    ("name", "pictures", "other"),
    [
        ("playing_for_data", "images/*.png", "99999"),
        ("viper", "train/img/001/*", "001_99999"),
        ("virtual_kitti2", "Scene01/clone/frames/rgb/Camera_0/*", "rgb_99999"),
        ("synthia", "RGB/*", "9999999"),
        ("synthia", "SEQ1/RGBLeft/*", "9999999"),
        ("kitti", "training/image_2/000*0.png", "009999"),
        ("kitti", "training/image_2/*_10.png", "009999_10"),
        ("replicator", "rgb_0_0000.png", "rgb_9_0000"),
        ("bdd100k", "images/10k/train/*", "zz"),
        ("cityscapes", "leftImg8bit/train/aachen/*", "aachen_000009_000009_leftImg8bit"),
    ],
)
def test_labels_without_a_picture_are_reported(
    name: str, pictures: str, other: str, tmp_path: Path
) -> None:
    settings = recordings.writer(name)(tmp_path)
    picture = sorted(tmp_path.glob(pictures))[0]
    shutil.copy(picture, picture.with_stem(other))  # so that the folder is not empty
    before = {ref.native_id for ref in parts.build("sim_adapters", name, **settings).index()}
    picture.unlink()
    adapter = parts.build("sim_adapters", name, **settings)
    refs = {ref.native_id: ref for ref in adapter.index()}
    assert refs.keys() == before
    gone = [ref for ref in refs.values() if ref.native_id.endswith(picture.stem.split("_")[-1])]
    reasons = []
    for ref in gone:
        try:
            adapter.read(ref)
        except BadFrame as problem:
            reasons.append(problem.reason)
    assert Reason.MISSING_FILE in reasons
