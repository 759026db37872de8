"""A whole comparison on little shapes: who copies, who blurs, who refuses; and what is kept."""

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
import pytest
from toy_shapes import SHAPES, Little, shapes_dataset

from parhelion.flows.compare import contenders_of, terminal_table
from parhelion.pipeline import compare as comparing
from parhelion.pipeline import parts
from parhelion.pipeline.compare import compare
from parhelion.pipeline.compare_budget import Budget
from parhelion.pipeline.compare_data import stored
from parhelion.pipeline.compare_drawing import Contender, Outcome, Setup, parameters
from parhelion.pipeline.compare_page import write_comparison
from parhelion.pipeline.compare_scores import ACCURACY, COPIES, FINE, LIKELIHOOD, VARIETY
from parhelion.pipeline.compare_table import columns, row
from parhelion.pipeline.contracts import (
    Ailment,
    CannotHonour,
    FitReport,
    HasLikelihood,
    PartConfig,
    Request,
)
from parhelion.pipeline.descent import descend, generator_step
from parhelion.pipeline.frame import Annotation, Frame
from parhelion.pipeline.label_classifier import ClassifierSettings
from parhelion.pipeline.provenance import Numerics
from parhelion.pipeline.seeds import rng

TRAIN, TEST, DRAWN = 60, 36, 18
KERNEL = "kernel distance on little"


class Copycat:
    """Hands out training frames of the class that is asked for."""

    VERSION: ClassVar[str] = "1"
    needs_fit: ClassVar[bool] = True
    models: ClassVar[str] = "p(x | y)"
    needs: ClassVar[frozenset[str]] = frozenset()
    fits: ClassVar[int] = 0
    kept: ClassVar[list[Frame]] = []

    class Config(PartConfig):
        blur: float = 0  # pixels
        only: str = ""  # the one class that it draws
        layer: str = ""  # that it needs
        unfit: str = ""  # what it says in fit
        ails: bool = False

    def __init__(self, config: Any) -> None:
        self.config = config
        self.needs = frozenset(filter(None, (config.layer,)))  # type: ignore[misc]

    def unready(self) -> str | None:
        return None

    def fit(self, data: Any, workdir: Path, seed: int, progress: Any) -> FitReport:
        type(self).fits += 1
        if self.config.unfit:
            raise ValueError(self.config.unfit)
        type(self).kept = [data.source[i] for i in range(len(data.source))]
        ails = Ailment(cause="collapsed", step=3, sentence="all alike: draw more <noise>")
        ailments = (ails,) if self.config.ails else ()
        return FitReport(steps=5, groups_digest="", ailments=ailments)

    def generate(self, requests: Sequence[Request]) -> Iterator[Frame]:
        for request in requests:
            assert request.y is not None
            label = request.y.label
            assert label is not None
            if self.config.only not in ("", label.vocabulary[label.index]):
                raise CannotHonour(f"copycat draws {self.config.only} only")
            same = [f for f in self.kept if f.label == label]
            image = same[int(rng("copycat", request.seed).integers(len(same)))].image
            if self.config.blur:
                image = cv2.GaussianBlur(image, (0, 0), self.config.blur).astype(np.uint8)
            step = generator_step("copycat", self.VERSION, self.config)
            yield descend(request, image, step, Numerics(), y=Annotation(label=label))

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        (folder / "config.json").write_text(self.config.model_dump_json())

    @classmethod
    def load(cls, folder: Path) -> "Copycat":
        return cls(cls.Config.model_validate_json((folder / "config.json").read_text()))


class Likely(Copycat):
    """The same, with a bound."""

    def bits_per_dimension(self, frames: Sequence[Frame], seed: int) -> tuple[float, str]:
        assert all(frame.frame_id not in {f.frame_id for f in self.kept} for frame in frames)
        return 3.25, "bound"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shapes_dataset(tmp_path_factory.mktemp("data") / "shapes", TRAIN, TEST)


@pytest.fixture
def setup(dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Setup:
    real, code = parts.part, comparing._code
    ours = {"copycat": Copycat, "likely": Likely}
    short = ClassifierSettings(width=8, steps=30, batch=24)
    monkeypatch.setattr(parts, "part", lambda f, n: ours.get(n) or real(f, n))
    monkeypatch.setattr(comparing, "_code", lambda n: n if n in ours else code(n))
    monkeypatch.setattr(comparing, "feature_network", lambda name: Little())
    monkeypatch.setattr("parhelion.pipeline.label_classifier.ClassifierSettings", lambda: short)
    return Setup(
        data=stored(dataset, "", 0),
        budget=Budget(),
        n=DRAWN,
        seed=4,
        network="little",
        folder=tmp_path / "out",
    )


def copycat(name: str = "copycat", generator: str = "copycat", **settings: Any) -> Contender:
    return Contender(name=name, generator=generator, settings=settings)


def value(outcome: Outcome, name: str) -> float:
    score = outcome.arm.score(name)
    assert score is not None
    assert score.value is not None
    return score.value


def test_copies_are_found_out_where_every_other_score_is_perfect(setup: Setup) -> None:
    real, copies, pca = compare(setup, [copycat(), Contender(name="pca", generator="pca")])
    assert value(copies, COPIES) == 1
    assert value(pca, COPIES) < 0.5
    assert value(copies, FINE) == pytest.approx(value(real, FINE), abs=0.2)
    assert value(copies, VARIETY) == pytest.approx(1, abs=0.25)
    assert value(copies, ACCURACY) > 0.7  # chance is a third
    assert value(copies, KERNEL) < value(pca, KERNEL)
    assert [pair.distance for pair in copies.arm.measured.pairs] == pytest.approx([0] * 6, abs=1e-3)
    for pair in copies.arm.measured.pairs:
        assert copies.frames is not None
        drawn, training = copies.frames[pair.drawn], setup.data.training_frame(pair.training)
        assert np.array_equal(drawn.image, training.image)


def test_who_copies_is_marked_and_is_never_the_best(setup: Setup) -> None:
    arms = [
        o.arm for o in compare(setup, [copycat(), copycat("a", blur=1.5), copycat("b", blur=3)])
    ]
    heads = columns(arms)
    cells = {arm.name: dict(zip(heads, row(arm, heads, arms), strict=True)) for arm in arms}
    bad = {name: {head.score for head in heads if of[head].bad} for name, of in cells.items()}
    assert bad["copycat"] == {COPIES}
    assert not any(cell.best for cell in cells["copycat"].values())
    fine = next(head for head in heads if head.score == FINE)
    assert (cells["a"][fine].best, cells["b"][fine].best) == (True, False)
    assert not any(cell.best for cell in cells["real"].values())


def test_what_an_average_loses_is_seen(setup: Setup) -> None:
    _, sharp, blurred = compare(setup, [copycat(), copycat("blurred", blur=2.0)])
    assert value(blurred, FINE) < 0.1 < value(sharp, FINE)
    assert value(blurred, VARIETY) < value(sharp, VARIETY)
    ratios = [ratio for ratio in blurred.arm.measured.spectrum if ratio is not None]
    assert ratios[-1] < 0.05 < ratios[0]


def test_scores_stand_beside_real_frames_at_the_same_n(setup: Setup) -> None:
    real, copies = compare(setup, [copycat()])
    assert real.arm.score(COPIES) is None
    for name in ("precision", "recall", "density", "coverage", ACCURACY, FINE, VARIETY):
        score = copies.arm.score(name)
        assert score is not None
        assert score.floor == value(real, name)
        assert (score.floor_n, score.n_generated) == (DRAWN, DRAWN)
    kernel = copies.arm.score(KERNEL)
    assert kernel is not None
    assert kernel.passport.network == "little"
    assert kernel.floor_n == TEST // 2  # the other half of the unseen frames
    frechet = copies.arm.score("Fréchet distance on little")
    assert frechet is not None
    assert frechet.value is None
    assert frechet.note.startswith("refused: a Fréchet distance in 48 dimensions needs 96 frames")


def test_a_likelihood_is_asked_of_those_who_have_one_on_unseen_frames(setup: Setup) -> None:
    assert isinstance(Likely(Likely.Config()), HasLikelihood)
    assert not isinstance(Copycat(Copycat.Config()), HasLikelihood)
    pca = Contender(name="pca", generator="pca", settings={"components": 4})
    _, plain, bound, exact = compare(setup, [copycat(), copycat("l", "likely"), pca])
    assert plain.arm.score(LIKELIHOOD) is None
    assert value(bound, LIKELIHOOD) == 3.25
    assert 0 < value(exact, LIKELIHOOD) < 8
    table = {line[0]: line[1:] for line in terminal_table([plain, bound, exact]).rows}
    assert table["bits/dim"][:2] == ("–", "≤ 3.25")
    assert not table["bits/dim"][2].startswith("≤")


def test_what_cannot_work_here_says_why_and_the_others_go_on(setup: Setup) -> None:
    contenders = [
        copycat("deep", layer="depth"),
        copycat("sulks", unfit="copycat wants brighter frames"),
        copycat("squares", only="square"),
        copycat("nothing", only="none of them"),
        copycat(),
    ]
    _, deep, sulks, squares, nothing, fine = compare(setup, contenders)
    assert deep.arm.refusal == "needs the layers depth, which not all frames of shapes have"
    assert sulks.arm.refusal == "copycat wants brighter frames"
    assert nothing.arm.refusal == "copycat draws none of them only"
    assert (squares.arm.drawn + squares.arm.refused, squares.arm.refusal) == (DRAWN, "")
    assert 0 < squares.arm.drawn < DRAWN
    assert squares.arm.why_refused == "copycat draws square only"
    assert fine.arm.drawn == DRAWN
    page = write_comparison(setup, [_real(setup), deep, squares], setup.folder / "page").read_text()
    assert deep.arm.refusal in page
    assert "copycat draws square only" in page


def _real(setup: Setup) -> Outcome:
    return compare(setup, [])[0]


def test_what_is_done_is_not_done_again(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    Copycat.fits = 0
    first = compare(setup, [copycat(), copycat("b", blur=1.0)])
    assert Copycat.fits == 2
    monkeypatch.setattr(comparing, "_judge", None)  # would fail if it were called
    again = compare(setup, [copycat(), copycat("b", blur=1.0)])
    assert Copycat.fits == 2
    assert [o.arm for o in again] == [o.arm for o in first]
    assert [o.costs for o in again] == [o.costs for o in first]
    monkeypatch.undo()


def test_other_settings_seeds_and_data_are_done_anew(setup: Setup) -> None:
    Copycat.fits = 0
    (_, one) = compare(setup, [copycat()])
    (_, other) = compare(setup, [copycat(blur=1.0)])
    assert Copycat.fits == 2
    assert value(one, FINE) != value(other, FINE)
    compare(replace(setup, seed=5), [copycat()])
    compare(replace(setup, n=9), [copycat()])
    assert Copycat.fits == 4


def test_a_comparison_gives_the_same_numbers_in_another_folder(
    setup: Setup, tmp_path: Path
) -> None:
    pages = []
    for name in ("a", "b"):
        there = replace(setup, folder=tmp_path / name)
        contenders = [Contender(name="pca", generator="pca", settings={"components": 3})]
        pages.append(write_comparison(there, compare(there, contenders), tmp_path / name / "page"))
    one, other = ((page.parent / "comparison.json").read_bytes() for page in pages)
    assert one == other


def test_the_page_has_numbers_pictures_and_no_way_out(setup: Setup) -> None:
    contenders = [copycat(ails=True), Contender(name="pca", generator="pca")]
    outcomes = compare(setup, contenders)
    page = write_comparison(setup, outcomes, setup.folder / "page")
    text, folder = page.read_text(), page.parent
    shutil.move(folder, folder.with_name("moved"))  # nothing points outside
    folder = folder.with_name("moved")
    for outcome in outcomes:
        assert len(outcome.arm.samples) == 0  # files are named on the page alone
    data = json.loads((folder / "comparison.json").read_text())
    assert [arm["name"] for arm in data["arms"]] == ["real", "copycat", "pca"]
    named = [file for arm in data["arms"] for file in arm["samples"]]
    named += [f for arm in data["arms"] for pair in arm["measured"]["pairs"] for f in pair["files"]]
    assert len(named) == 3 * 12 + 2 * 2 * 6
    for file in named:
        picture = cv2.imread(str(folder / "pictures" / file))
        assert picture is not None
        assert picture.shape == (24, 24, 3)
        assert f'src="pictures/{file}"' in text
    assert "http://" not in text
    assert "https://" not in text
    assert f"{value(outcomes[2], ACCURACY):.1%}".replace("%", "\N{NARROW NO-BREAK SPACE}%") in text
    assert "all alike: draw more &lt;noise&gt;" in text
    assert "<noise>" not in text
    assert {f"{shape}, clear/day" for shape in SHAPES} == {one["label"] for one in data["shown"]}
    timings = json.loads((folder / "timings.json").read_text())["costs"]
    assert timings["pca"]["draw_s_per_1000"] > 0
    assert "fit_s" not in (folder / "comparison.json").read_text()


def test_parameters_are_the_numbers_of_the_fitted_state(setup: Setup) -> None:
    _, pca = compare(setup, [Contender(name="pca", generator="pca", settings={"components": 3})])
    assert pca.arm.parameters >= 3 * 24 * 24 * 3
    assert parameters(setup.folder / "nowhere") == 0


def test_contenders_are_told_apart_by_name() -> None:
    wide = {"wide": {"components": 9}}
    both = contenders_of("pca, wide=pca", wide, None)
    assert [(c.name, c.generator, c.settings) for c in both] == [
        ("pca", "pca", {}),
        ("wide", "pca", {"components": 9}),
    ]
    with pytest.raises(ValueError, match="--generators wants names, each once"):
        contenders_of("pca,pca", {}, None)
    with pytest.raises(ValueError, match="--setting names gan, which is not compared: pca"):
        contenders_of("pca", {"gan": {}}, None)
    with pytest.raises(ValueError, match="real is the name of the real frames' row"):
        contenders_of("real=pca", {}, None)
