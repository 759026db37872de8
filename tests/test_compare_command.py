"""`parhelion compare` as it is typed: a table and a page, or a sentence that says what is wrong."""

import sys
from pathlib import Path

import pytest
from toy_shapes import Little, shapes_dataset

from parhelion.flows import cli
from parhelion.pipeline import compare as comparing
from parhelion.pipeline.label_classifier import ClassifierSettings


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """The command's code."""
    monkeypatch.setattr(sys, "argv", ["parhelion", "compare", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


def test_it_prints_a_table_and_leaves_a_page(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    short = ClassifierSettings(width=4, steps=2, batch=8)
    monkeypatch.setattr("parhelion.pipeline.label_classifier.ClassifierSettings", lambda: short)
    monkeypatch.setattr(comparing, "feature_network", lambda name: Little())
    monkeypatch.chdir(tmp_path)
    shapes_dataset(tmp_path / "shapes", 24, 12)
    words = ["--generators", "pca,few=pca,weather", "--on", "shapes", "--samples", "6"]
    assert run(monkeypatch, *words, "--setting", "few.components=2") == 0
    said = capsys.readouterr().out
    assert "weather: needs the layers camera, depth, stencil" in said
    assert said.split()[-1] == "runs/compare-shapes/page/index.html"
    assert Path(said.split()[-1]).is_file()
    for measure in ("coverage", "accuracy", "bits/dim", "near copies", "fine detail", "parameters"):
        assert measure in said


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "wanted --on with the folder of a dataset, or --adapter with its path"),
        (("--on", "nowhere"), "nowhere has no manifest.json"),
        (("--on", "nowhere", "--steps", "3", "--seconds", "3"), "in steps or in seconds, got both"),
        (("--on", "nowhere", "--frames", "3"), "--frames goes with --adapter"),
        (("--on", "nowhere", "--setting", "width=3"), "--setting wants NAME.KEY=VALUE"),
        (("--on", "nowhere", "--setting", "gan.width=3"), "gan, which is not compared: pca"),
        (("--on", "nowhere", "--setting", "pca.wide=3"), "wide: Extra inputs are not permitted"),
        (("--adapter", "none"), "no part 'none' in sim_adapters"),
        (("--on", "nowhere", "--generators", "none"), "no part 'none' in generators"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_sentence(
    words: tuple[str, ...],
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(monkeypatch, "--generators", "pca", *words) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert "Traceback" not in said
