"""Spoilt files of every adapter: a reason code or a sound frame, never a crash, never a way out."""

import shutil
from pathlib import Path

import pytest
import recordings
from hypothesis import given, settings
from hypothesis import strategies as st
from mutations import read_everything, relocated, spoil
from outside_watch import WATCH

from parhelion.pipeline import parts

ADAPTERS = [name for name in parts.names("sim_adapters") if name != "street"]  # it reads no files
EXAMPLES = 12  # per adapter here; benchmarks/fuzz_adapters.py reads thousands


@pytest.mark.parametrize("name", ADAPTERS)
def test_a_spoilt_file_is_refused_by_reason_or_read(name: str, tmp_path: Path) -> None:
    sound, spoilt = tmp_path / "sound", tmp_path / "spoilt"
    sound.mkdir()
    told = recordings.writer(name)(sound)

    @settings(max_examples=EXAMPLES)
    @given(seed=st.integers(0, 2**32))
    def fuzz(seed: int) -> None:
        shutil.rmtree(spoilt, ignore_errors=True)
        shutil.copytree(sound, spoilt)
        how = spoil(spoilt, seed)
        adapter = parts.build("sim_adapters", name, **relocated(told, sound, spoilt))
        WATCH.root = spoilt
        try:
            outcome = read_everything(adapter, how)
        finally:
            WATCH.root = None
        assert all(bad.sentence for bad in outcome.refused)
        assert outcome.read + len(outcome.refused) > 0, f"nothing told of {how}"

    fuzz()
