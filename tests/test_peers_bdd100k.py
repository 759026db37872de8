"""Scalabel sees in the same files what we see: boxes, words, and the ids of masks."""

from pathlib import Path

import pytest
from peer_readers import told_by
from recordings import HEIGHT, WIDTH
from recordings import bdd100k as recording

from parhelion.sim_adapters._bdd_bitmasks import INSTANCE_CLASSES
from parhelion.sim_adapters.bdd100k import CATEGORIES, Bdd100k, Bdd100kConfig

pytestmark = pytest.mark.peer


def test_boxes_words_and_masks_are_those_that_scalabel_sees(tmp_path: Path) -> None:
    recording.write(tmp_path)
    told = told_by("scalabel", tmp_path)
    source = Bdd100k(Bdd100kConfig(path=tmp_path))
    seen = {"100k": 0, "10k": 0}
    for ref in source.index():
        part, split, stem = ref.native_id.split("/")
        frame = source.read(ref)
        if split == "test":
            continue
        seen[part] += 1
        if part == "100k":
            theirs = told["lists"][f"det_{split}"][f"{stem}.jpg"]
            assert frame.conditions.native == "; ".join(theirs["words"])
            assert [(o.category, o.box_xyxy) for o in frame.objects] == [
                (CATEGORIES[word], (x0, y0, min(x1, WIDTH), min(y1, HEIGHT)))
                for word, x0, y0, x1, y1 in theirs["boxes"]
            ]
        else:
            assert {str(o.instance): (o.category, o.box_xyxy) for o in frame.objects} == {
                i: (INSTANCE_CLASSES[c], tuple(box)) for i, (c, *box) in told["masks"][stem].items()
            }
    assert seen == {"100k": 3, "10k": 2}
