"""Records of a long JSON list are found where a whole parser finds them, strings or not."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.sim_adapters import _json_records as json_records

LEAVES = st.none() | st.booleans() | st.integers() | st.text('ab"\\{}[],: é', max_size=6)
LISTS = st.lists(LEAVES | st.lists(LEAVES, max_size=2), max_size=2)
OBJECTS = st.dictionaries(st.text('f"\\[', max_size=3), LEAVES | LISTS, max_size=2)
KEYS = st.sampled_from(["name", "frames", "x"])
RECORDS = st.lists(st.dictionaries(KEYS, LEAVES | LISTS | OBJECTS, max_size=2), max_size=3)
OTHERS = {"groups": [{"a": 1}], "config": {"frames": [{}], "categories": [{"frames": []}]}}


def records_in(folder: Path, document: str) -> list[object]:
    (folder / "list.json").write_text(document)
    spans = json_records.record_spans(folder, "list.json", "frames")
    return [json.loads(data) for data in json_records.records_at(folder, "list.json", spans)]


@settings(max_examples=40)
@given(
    records=RECORDS,
    keyed=st.booleans(),
    indent=st.none() | st.integers(0, 2),
    block=st.sampled_from([1, 2, 3, 17, 1 << 22]),
    ascii_only=st.booleans(),
)
def test_records_are_those_of_a_whole_parser(
    tmp_path_factory: pytest.TempPathFactory,
    records: list[object],
    keyed: bool,
    indent: int | None,
    block: int,
    ascii_only: bool,
) -> None:
    document = {**OTHERS, "frames": records, "after": [{"b": 2}]} if keyed else records
    text = json.dumps(document, indent=indent, ensure_ascii=ascii_only)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_records, "BLOCK_BYTES", block)  # strings and escapes cross blocks
        assert records_in(tmp_path_factory.getbasetemp(), text) == records


@pytest.mark.parametrize(
    "document",
    ["", "[", "[{}", '[{"a": "b}]', "{}", '{"images": [{}]}', '{"frames": {"a": 1}}', "}{", "[]]"],
)
def test_what_is_no_list_of_records_is_refused(tmp_path: Path, document: str) -> None:
    with pytest.raises(BadFrame, match=r"list\.json: wanted") as caught:
        records_in(tmp_path, document)
    assert caught.value.reason is Reason.BAD_METADATA


def test_a_record_larger_than_any_should_be_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_records, "MOST_RECORD_BYTES", 100)
    with pytest.raises(BadFrame, match="records of at most 100 bytes, got 111 at byte 1"):
        records_in(tmp_path, json.dumps([{"a": "x" * 102}]))


def test_more_records_than_any_list_has_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_records, "MOST_RECORDS", 10)
    with pytest.raises(BadFrame, match="at most 10 records, got more"):
        records_in(tmp_path, json.dumps([{}] * 100))
