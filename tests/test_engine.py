"""The run engine: each chunk once, the same bytes whatever happens on the way."""

import json
import subprocess
import sys
from pathlib import Path

import chunk_work
import pytest

import parhelion.pipeline
from parhelion.pipeline import code_digest
from parhelion.pipeline.engine import Stage, chunked, chunks_of, run_chunks, run_stage
from parhelion.pipeline.files import sha256_of
from parhelion.pipeline.receipts import TIMINGS, read_receipts, receipt_path, timings
from parhelion.pipeline.run_lock import RunFolderBusy, run_lock
from parhelion.pipeline.workers import Inline

STAGE = Stage(name="square", config={"a": 1, "b": 2}, modules=("parhelion.pipeline.seeds",))
JSON = "chunks/{stage}/{key}.json"
ROOT = Path(__file__).parent.parent


def squares(folder, numbers=(1, 2, 3), stage=STAGE):
    specs = [{"x": x} for x in numbers]
    return run_stage(stage, specs, "chunk_work:square", folder, Inline(), file=JSON)


def hashes(folder):
    files = (p for p in folder.rglob("*") if p.is_file() and p.name not in (TIMINGS, ".lock"))
    return {str(p.relative_to(folder)): sha256_of(p) for p in files}


def test_a_stage_gives_one_receipt_per_spec_in_order(tmp_path):
    run = tmp_path / "run"
    receipts = squares(run)
    assert [r.key for r in receipts] == ["00000", "00001", "00002"]
    assert [json.loads(r.path(run).read_text())["square"] for r in receipts] == [1, 4, 9]
    assert read_receipts(run, "square") == receipts
    assert timings(run)["square"].chunks == 3


def test_what_is_done_is_not_done_again(tmp_path):
    run = tmp_path / "run"
    first = squares(run)
    assert chunk_work.worked(run) == ["00000", "00001", "00002"]
    assert squares(run) == first
    assert chunk_work.worked(run) == []


@pytest.mark.parametrize("damage", ["flip", "cut", "delete", "receipt", "torn receipt"])
def test_only_the_damaged_chunk_is_done_again(tmp_path, damage):
    run = tmp_path / "run"
    receipts = squares(run)
    before, file = hashes(run), receipts[1].path(run)
    chunk_work.worked(run)
    if damage == "flip":
        file.write_bytes(file.read_bytes().replace(b"4", b"5"))
    elif damage == "cut":
        file.write_bytes(b"")
    elif damage == "delete":
        file.unlink()
    elif damage == "receipt":
        receipt_path(run, "square", "00001").unlink()
    else:
        receipt_path(run, "square", "00001").write_text("{")
    assert squares(run) == receipts
    assert chunk_work.worked(run) == ["00001"]
    assert hashes(run) == before


def test_a_changed_spec_does_its_chunk_alone_again(tmp_path):
    run = tmp_path / "run"
    squares(run)
    chunk_work.worked(run)
    squares(run, (1, 5, 3))
    assert chunk_work.worked(run) == ["00001"]


def test_a_shorter_plan_leaves_nothing_behind(tmp_path):
    squares(tmp_path / "a", (1, 2, 3, 4))
    squares(tmp_path / "a", (1, 2))
    squares(tmp_path / "b", (1, 2))
    assert hashes(tmp_path / "a") == hashes(tmp_path / "b")


@pytest.mark.parametrize(
    "change",
    [
        {"name": "other"},
        {"config": {"a": 1, "b": 3}},
        {"inputs": ("x",)},
        {"versions": (("weather", "2"),)},
        {"modules": ("parhelion.pipeline.files",)},
        {"packages": ("numpy",)},
    ],
)
def test_a_stage_digest_covers(change):
    assert STAGE.model_copy(update=change).digest != STAGE.digest


def test_a_digest_knows_neither_folder_nor_spelling(tmp_path):
    same = Stage(name="square", config={"b": 2, "a": 1}, modules=STAGE.modules)
    assert same.digest == STAGE.digest
    (here,) = chunks_of(STAGE, [{"x": 1, "y": 2}], "m:f", tmp_path / "a")
    (there,) = chunks_of(STAGE, [{"y": 2, "x": 1}], "m:f", tmp_path / "b")
    assert here.digest == there.digest
    others = [{"key": "7"}, {"spec": "{}"}, {"work": "m:g"}, {"file": "x"}, {"stage_digest": ""}]
    assert len({here.model_copy(update=o).digest for o in others} | {here.digest}) == 6


def test_package_versions_are_in_the_digest(monkeypatch):
    stage = Stage(name="s", packages=("numpy",))
    before = stage.digest
    monkeypatch.setattr("parhelion.pipeline.engine.version_of", lambda name: "0.0.1")
    assert stage.model_copy().digest != before


def test_refused_frames_and_figures_are_read_after_writing(tmp_path):
    stage, specs = Stage(name="odd"), [{"numbers": [1, 2, 3, 4, 6]}]
    (receipt,) = run_stage(stage, specs, "chunk_work:refuse_odd", tmp_path, Inline(), file=JSON)
    assert [row.sentence for row in receipt.quarantined] == ["1 is odd", "3 is odd"]
    assert (receipt.rows, receipt.figures) == (3, {"even": 3.0})
    again = run_stage(stage, specs, "chunk_work:refuse_odd", tmp_path, Inline(), file=JSON)
    assert again == [receipt]


def test_a_broken_fit_resumes_and_its_folder_is_one_result(tmp_path):
    run = tmp_path / "run"
    arguments = (Stage(name="fit"), [{"steps": 4}], "chunk_work:fit", run, Inline())
    with pytest.raises(RuntimeError, match="the power went off") as caught:
        run_stage(*arguments, file="chunks/{stage}/{key}")
    assert caught.value.__notes__ == ["while working on chunk 00000 of stage fit"]
    assert read_receipts(run, "fit") == []
    assert list((run / "chunks/fit").iterdir()) == []
    (run / "go-on").touch()
    (receipt,) = run_stage(*arguments, file="chunks/{stage}/{key}")
    assert (tmp_path / "run.log").read_text().split() == ["from-0", "from-2"]
    assert (receipt.path(run) / "weights/a.bin").read_bytes() == b"aaaa"
    assert list((run / "work").iterdir()) == []
    (receipt.path(run) / "weights/a.bin").write_bytes(b"aaab")
    assert run_stage(*arguments, file="chunks/{stage}/{key}") == [receipt]
    assert (receipt.path(run) / "weights/a.bin").read_bytes() == b"aaaa"


def test_one_progress_per_stage_counts_to_its_end(tmp_path):
    said = []
    chunks = chunks_of(STAGE, [{"x": 1}, {"x": 2}], "chunk_work:square", tmp_path / "run", JSON)
    run_chunks(chunks, Inline(), lambda done, total: said.append((done, total)))
    assert said == [(0, 2), (1, 2), (2, 2)]


def test_an_executor_that_loses_a_chunk_is_found_out(tmp_path):
    class Forgetful:
        def map(self, chunks):
            return Inline().map(chunks[:-1])

    specs = [{"x": 1}, {"x": 2}]
    with pytest.raises(RuntimeError, match=r"each of 2 chunks, got none for \['square/00001'\]"):
        run_stage(STAGE, specs, "chunk_work:square", tmp_path / "run", Forgetful(), file=JSON)


def test_items_are_cut_into_chunks():
    assert chunked([1, 2, 3, 4, 5], 2) == [[1, 2], [3, 4], [5]]
    assert chunked([], 2) == []
    with pytest.raises(ValueError, match="at least one item, got size 0"):
        chunked([1], 0)


def test_every_module_that_gets_loaded_is_in_the_code_digest():
    """Reading syntax trees finds at least what an import really loads."""
    ask = (
        "import sys, parhelion.pipeline.shards; "
        "print(*[name for name in sys.modules if name.startswith('parhelion.')])"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", ask], capture_output=True, text=True, check=True
    ).stdout.split()
    found = code_digest.imported("parhelion.pipeline.shards")
    assert set(loaded) - {"parhelion.pipeline"} <= found | {"parhelion.pipeline"}
    assert "parhelion.pipeline.checks" in found
    assert not any(name.startswith("parhelion.generators") for name in found)


def test_a_change_three_imports_away_changes_the_code_digest(tmp_path, monkeypatch):
    monkeypatch.setattr(
        parhelion.pipeline, "__path__", [*parhelion.pipeline.__path__, str(tmp_path)]
    )
    (tmp_path / "t_a.py").write_text("def f():\n    from parhelion.pipeline import t_b\n")
    (tmp_path / "t_b.py").write_text("import parhelion.pipeline.t_c\n")
    (tmp_path / "t_c.py").write_text("x = 1\n")
    (tmp_path / "t_d.py").write_text("x = 1\n")

    def digest_of():
        for cached in (code_digest.code_digest, code_digest._source, code_digest._direct):
            cached.cache_clear()
        code_digest._path.cache_clear()
        return code_digest.code_digest("parhelion.pipeline.t_a")

    before = digest_of()
    (tmp_path / "t_d.py").write_text("x = 2\n")
    assert digest_of() == before
    (tmp_path / "t_c.py").write_text("x = 2\n")
    assert digest_of() != before


def test_a_module_that_is_not_there_is_named():
    with pytest.raises(ModuleNotFoundError, match=r"got 'parhelion\.pipeline\.none'"):
        code_digest.code_digest("parhelion.pipeline.none")


def test_a_folder_has_one_run_at_a_time(tmp_path):
    with run_lock(tmp_path / "run"):
        with pytest.raises(RunFolderBusy, match="another process is running in"):
            run_lock(tmp_path / "run").__enter__()
        with run_lock(tmp_path / "other"):
            pass
    with run_lock(tmp_path / "run"):
        pass


def test_drafts_of_dead_workers_are_cleared_when_a_run_ends(tmp_path):
    with run_lock(tmp_path):
        (tmp_path / ".x.1-ab.draft").write_bytes(b"half")
    assert list(tmp_path.glob("*.draft")) == []
    assert [p.name for p in tmp_path.iterdir()] == [".lock"]


def test_a_killed_run_leaves_no_lock_and_no_drafts(tmp_path):
    killed = (
        "import os, signal, sys\nfrom pathlib import Path\n"
        "from parhelion.pipeline.files import replacing\n"
        "from parhelion.pipeline.run_lock import run_lock\n"
        "folder = Path(sys.argv[1])\n"
        "with run_lock(folder), replacing(folder / 'x') as draft:\n"
        "    draft.write_bytes(b'half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", killed, str(tmp_path)], check=False)
    assert len(list(tmp_path.glob(".x.*.draft"))) == 1
    with run_lock(tmp_path):
        assert list(tmp_path.glob(".x.*.draft")) == []


def test_killed_at_every_single_step_a_run_ends_with_the_same_bytes(tmp_path):
    """A forked child kills itself at its k-th write, flush, rename or removal, for every k."""
    found = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "kill_every_step.py"), str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr[-2000:]
    told = json.loads(found.stdout)
    assert told["steps"] > 40
    assert told["different"] == []
