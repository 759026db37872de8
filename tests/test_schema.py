"""A frame goes into a row and comes out of it as it was."""

from dataclasses import replace

import datasets
import numpy as np
import pyarrow as pa
import pytest
from conftest import make_frame

from parhelion.pipeline.conditions import Conditions, Event, Weather
from parhelion.pipeline.frame import LAYERS, Frame, ImageLabel, SceneObject
from parhelion.pipeline.provenance import GateRecord, Numerics, RequestRecord, Step
from parhelion.pipeline.scene_class import SceneClass
from parhelion.pipeline.schema import (
    SCHEMA,
    SCHEMA_VERSION,
    VERSION_KEY,
    WrongSchema,
    check_schema,
    frame_of,
    row_of,
)


def through_arrow(frame: Frame) -> Frame:
    table = pa.Table.from_pylist([row_of(frame, "train")], SCHEMA)
    return frame_of(table.to_pylist()[0])


def assert_same(found: Frame, frame: Frame) -> None:
    assert found.frame_id == frame.frame_id
    assert found.content_sha256 == frame.content_sha256
    assert found.provenance == frame.provenance
    assert found.layers == frame.layers


def full_frame() -> Frame:
    """A frame in which nothing is missing and no number is round."""
    frame = make_frame(3)
    conditions = Conditions(
        weather=Weather.BLIZZARD,
        native='Blizzard "№ 3"',
        hour=0.1 + 0.2,
        event=Event.FLOOD,
        visibility_m=1 / 3,
        snow_cover=0.7,
        sun_altitude_deg=-12.3,
        driving_side="left",
    )
    depth = frame.depth.copy()
    depth[-1, -1] = np.nan
    provenance = frame.provenance.model_copy(
        update={
            "parent_id": "p",
            "request": RequestRecord(conditions=conditions, draw=2, seed=2**62 + 1),
            "steps": (Step(part="fog", version="1", drawn=(("beta", 1 / 7),)),),
            "seed": 2**63 - 1,
            "numerics": Numerics(packages=(("torch", "2"),), threads=1),
            "gate": GateRecord(verdict="accepted", scores=(("iou", 0.1),)),
        }
    )
    return replace(
        frame,
        conditions=conditions,
        depth=depth,
        label=ImageLabel(index=1, vocabulary=("stop", "give way")),
        stencil_native=frame.stencil + np.uint8(200),
        instances=np.where(frame.instances == 7, np.int32(2_000_000_000), np.int32(0)),
        objects=(
            *(o.model_copy(update={"instance": 2_000_000_000}) for o in frame.objects),
            SceneObject(category=SceneClass.TRAFFIC_LIGHT, box_xyxy=(0.1, 0.2, 3.3, 4.4)),
        ),
        provenance=provenance,
    )


def test_a_full_frame_comes_back_bit_by_bit():
    assert_same(through_arrow(full_frame()), full_frame())


@pytest.mark.parametrize("name", [*LAYERS, "camera", "objects", "label"])
def test_a_missing_layer_stays_missing(name):
    frame = replace(full_frame(), **{name: () if name == "objects" else None})
    assert_same(through_arrow(frame), frame)


def test_every_column_of_the_schema_is_filled_or_null():
    for frame in (full_frame(), make_frame()):
        assert set(row_of(frame, "train")) == set(SCHEMA.names)


def test_flat_columns_say_what_the_frame_says():
    frame = full_frame()
    row = row_of(frame, "test")
    assert (row["weather"], row["time_of_day"], row["cell"]) == ("Blizzard", "night", "snow/night")
    assert (row["split"], row["kind"], row["group_id"]) == ("test", "simulated", frame.group_id)
    assert row["objects"][1]["category"] == "traffic light"


def test_jpeg_rows_keep_all_labels():
    frame = full_frame()
    found = frame_of(pa.Table.from_pylist([row_of(frame, "train", "jpeg")], SCHEMA).to_pylist()[0])
    assert_same(replace(found, image=frame.image), frame)


def test_features_are_those_of_hugging_face():
    features = datasets.Features.from_arrow_schema(SCHEMA)
    assert features["depth"] == datasets.Image()
    assert features.arrow_schema.remove_metadata() == SCHEMA.remove_metadata()


def test_another_version_is_refused():
    other = SCHEMA.with_metadata({VERSION_KEY: b"0"})
    with pytest.raises(WrongSchema, match=f"x.parquet: wanted .* {SCHEMA_VERSION}, got version 0"):
        check_schema(other, "x.parquet")
    with pytest.raises(WrongSchema, match="got version none with 1 columns"):
        check_schema(pa.schema([("image", pa.binary())]), "x.parquet")
