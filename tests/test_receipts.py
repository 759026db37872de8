"""Receipts vouch for files; timings stand apart."""

import json

from parhelion.pipeline.bad_frame import Reason
from parhelion.pipeline.files import sha256_of, write_bytes
from parhelion.pipeline.quarantine import QuarantineRow
from parhelion.pipeline.receipts import (
    TIMINGS,
    Receipt,
    append_timing,
    missing_files,
    read_receipt,
    read_receipts,
    receipt_path,
    stage_output_digest,
    timings,
    write_receipt,
)

ROW = QuarantineRow(stage="s", reason=Reason.GATE, sentence="no car", scores=(("iou", 1 / 3),))


def made(folder, key="00000", **changes):
    write_bytes(folder / "chunks" / f"{key}.bin", b"content")
    receipt = Receipt(
        stage="s",
        key=key,
        digest="d",
        file=f"chunks/{key}.bin",
        sha256=sha256_of(folder / "chunks" / f"{key}.bin"),
        bytes=7,
        rows=2,
        quarantined=(ROW,),
        figures={"a": 0.1},
    )
    return receipt.model_copy(update=changes)


def test_a_receipt_comes_back_as_it_was(tmp_path):
    receipt = made(tmp_path)
    write_receipt(tmp_path, receipt)
    assert read_receipt(tmp_path, "s", "00000") == receipt
    assert read_receipt(tmp_path, "s", "00001") is None


def test_a_receipt_holds_only_for_the_very_file(tmp_path):
    receipt = made(tmp_path)
    assert receipt.holds(tmp_path)
    for content in (b"Content", b"content and more"):
        receipt.path(tmp_path).write_bytes(content)
        assert not receipt.holds(tmp_path)
    receipt.path(tmp_path).unlink()
    assert not receipt.holds(tmp_path)


def test_files_that_are_gone_or_cut_are_missing(tmp_path):
    for key in ("00000", "00001", "00002"):
        write_receipt(tmp_path, made(tmp_path, key))
    assert missing_files(tmp_path) == []
    (tmp_path / "chunks/00001.bin").unlink()
    (tmp_path / "chunks/00002.bin").write_bytes(b"")
    assert missing_files(tmp_path) == ["chunks/00001.bin", "chunks/00002.bin"]


def test_unreadable_receipts_do_not_count(tmp_path):
    for key in ("00001", "00000"):
        write_receipt(tmp_path, made(tmp_path, key))
    receipt_path(tmp_path, "s", "00002").write_text('{"stage": "s"')
    assert [r.key for r in read_receipts(tmp_path, "s")] == ["00000", "00001"]


def test_the_output_digest_covers_what_came_out_and_not_how(tmp_path):
    receipt = made(tmp_path)
    again = receipt.model_copy(update={"digest": "by other code, to the same bytes"})
    assert stage_output_digest([receipt]) == stage_output_digest([again])
    others = [
        receipt.model_copy(update=change)
        for change in ({"sha256": "x"}, {"rows": 3}, {"quarantined": ()}, {"figures": {}})
    ]
    digests = {stage_output_digest([r]) for r in [receipt, *others]}
    assert len(digests) == 5
    assert stage_output_digest([receipt, others[0]]) != stage_output_digest([others[0], receipt])


def test_timings_sum_per_stage_and_count_a_chunk_once(tmp_path):
    assert timings(tmp_path) == {}
    append_timing(tmp_path, "a", "0", 9.0, 9.0)
    append_timing(tmp_path, "b", "0", 1.0, 0.5)
    append_timing(tmp_path, "a", "0", 2.0, 1.5)
    append_timing(tmp_path, "a", "1", 3.0, 2.5)
    with open(tmp_path / TIMINGS, "a") as file:
        file.write(json.dumps({"stage": "a"})[:-4])
    cost = timings(tmp_path)
    assert (cost["a"].chunks, cost["a"].wall_s, cost["a"].cpu_s) == (2, 5.0, 4.0)
    assert (cost["b"].chunks, cost["b"].wall_s) == (1, 1.0)
