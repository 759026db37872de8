"""Laws of the training loop: it ends where a loss is lost, at the last good checkpoint."""

from pathlib import Path

import pytest
import torch
from torch import nn

from parhelion.pipeline.contracts import Ailment, FitReport
from parhelion.pipeline.files import write_json
from parhelion.pipeline.fitting import REPORT, ailing
from parhelion.pipeline.training import Losses, TrainingState, divergence, train


class Walk:
    """A network of one weight that each step moves by one; its losses are what a test says."""

    def __init__(self, losses: dict[int, float] | None = None) -> None:
        self.network = nn.Linear(1, 1, bias=False)
        nn.init.zeros_(self.network.weight)
        self.losses, self.updates = losses or {}, 0

    def state(self) -> TrainingState:
        return TrainingState({"walk": self.network}, {})

    def __call__(self, step: int) -> Losses:
        self.updates += 1
        with torch.no_grad():
            self.network.weight += 1
        return {"distance": self.losses.get(step, 1.0)}

    @property
    def place(self) -> float:
        return float(self.network.weight.detach())


def run(walk: Walk, folder: Path, **settings: object) -> TrainingState:
    state = walk.state()
    settings = {"steps": 10, "checkpoint_every": 3, **settings}
    train(state, walk, folder=folder, digest="a fit", **settings)  # type: ignore[arg-type]
    return state


@pytest.mark.parametrize("lost", [float("nan"), float("inf"), 5000.0, -5000.0])
def test_a_lost_loss_ends_training_at_the_last_good_checkpoint(lost: float, tmp_path: Path) -> None:
    walk = Walk({7: lost})
    state = run(walk, tmp_path)
    assert state.ailment is not None
    assert (state.ailment.cause, state.ailment.step) == ("diverged", 7)
    assert "distance" in state.ailment.sentence
    assert "lower the learning rate" in state.ailment.sentence
    assert (state.step, walk.place) == (6, 6.0)


def test_a_training_that_went_wrong_is_not_tried_again(tmp_path: Path) -> None:
    run(Walk({7: float("nan")}), tmp_path)
    again = Walk()
    state = run(again, tmp_path)
    assert again.updates == 0
    assert state.ailment is not None
    assert (state.step, again.place) == (6, 6.0)


def test_without_a_checkpoint_nothing_was_learnt(tmp_path: Path) -> None:
    state = run(Walk({1: float("nan")}), tmp_path)
    assert state.ailment is not None
    assert (state.step, state.losses) == (0, {})


def test_what_an_examination_finds_ends_training_before_the_checkpoint(tmp_path: Path) -> None:
    asked = []

    def examine(step: int) -> Ailment | None:
        asked.append(step)
        return Ailment(cause="collapsed", step=step, sentence="one picture") if step == 9 else None

    walk = Walk()
    state = run(walk, tmp_path, examine=examine)
    assert asked == [3, 6, 9]
    assert state.ailment is not None
    assert (state.ailment.cause, state.step, walk.place) == ("collapsed", 6, 6.0)


def test_the_last_step_is_examined_too(tmp_path: Path) -> None:
    asked: list[int] = []
    state = run(Walk(), tmp_path, examine=asked.append)
    assert asked == [3, 6, 9, 10]
    assert (state.step, state.ailment) == (10, None)


def test_moments_come_back_in_the_layout_of_their_weights(tmp_path: Path) -> None:
    """A file knows no layout, and the same sums in another are rounded otherwise."""

    def fresh() -> TrainingState:
        conv = nn.Conv2d(4, 3, 3).to(memory_format=torch.channels_last)
        return TrainingState({"conv": conv}, {"conv": torch.optim.Adam(conv.parameters())})

    state, again = fresh(), fresh()
    state.networks["conv"](torch.ones(1, 4, 5, 5)).sum().backward()
    state.optimizers["conv"].step()
    state.save(tmp_path, "a fit")
    assert again.restore(tmp_path, "a fit")
    kept, found = (s.optimizers["conv"].state_dict()["state"] for s in (state, again))
    for i, moments in kept.items():
        for name, moment in moments.items():
            assert torch.equal(found[i][name], moment)
            assert found[i][name].stride() == moment.stride()


def test_a_loss_may_be_large_if_it_always_was() -> None:
    assert divergence({"a": 9000.0}, {}, 0) is None
    assert divergence({"a": 9000.0}, {"a": 8000.0}, 5) is None
    assert divergence({"a": -900.0}, {"a": 0.001}, 5) is None
    found = divergence({"a": 9000.0}, {"a": 2.0}, 5)
    assert found is not None
    assert found.cause == "diverged"


def test_a_run_is_told_which_training_went_wrong_and_what_to_change(tmp_path: Path) -> None:
    ailment = Ailment(cause="collapsed", step=900, sentence="one picture: lower the learning rate")
    report = FitReport(steps=800, groups_digest="g", ailments=(ailment,))
    write_json(tmp_path / REPORT, report)
    (sentence,) = ailing("gan", tmp_path)
    assert sentence == (
        "The training of gan went wrong and ended at its last good checkpoint, step 800: one "
        "picture: lower the learning rate."
    )
    write_json(tmp_path / REPORT, report.model_copy(update={"ailments": ()}))
    assert ailing("gan", tmp_path) == []
