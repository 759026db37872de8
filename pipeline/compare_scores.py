"""Judges drawn pictures against real frames of other groups: all scores of one arm."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from parhelion.pipeline import density_coverage, precision_recall
from parhelion.pipeline.compare_data import ComparedData
from parhelion.pipeline.compare_taken import Taken, brought_to, taken
from parhelion.pipeline.contracts import HasLikelihood, Passport, Score
from parhelion.pipeline.feature_sample import Rows
from parhelion.pipeline.features import Network
from parhelion.pipeline.image_energy import (
    pair_distances,
    relative_diversity,
)
from parhelion.pipeline.label_classifier import accuracy_score
from parhelion.pipeline.memorisation import (
    LEVEL,
    SIDE,
    Nearness,
    Thumbnails,
    nearness,
    thumbnails,
    to_training,
)
from parhelion.pipeline.scores import score_pair
from parhelion.pipeline.seeds import seed_of

ACCURACY = "classification accuracy score"
LIKELIHOOD = "bits per dimension"
COPIES, FINE, VARIETY = "near copies", "fine detail", "variety"
MANIFOLDS = {
    "precision": (precision_recall.precision, precision_recall.K),
    "recall": (precision_recall.recall, precision_recall.K),
    "density": (density_coverage.density, density_coverage.K),
    "coverage": (density_coverage.coverage, density_coverage.K),
}


class Judge:
    """Real frames that nothing was fitted on, and the training pictures beside them."""

    def __init__(
        self,
        data: ComparedData,
        places: list[int],
        size: tuple[int, int],
        network: Network,
        seed: int,
    ) -> None:
        """`places`: which test frames judge. Real against real takes halves of them."""
        self.network, self.seed, self.size, self.data = network, seed, size, data
        self.real = taken((data.test[i] for i in places), size, network, seed)
        self.passport = network.passport.model_copy(update={"seed": seed})
        sets = [data.source] if data.target is None else [data.source, data.target]
        self.training = thumbnails(brought_to(frame.image, size) for s in sets for frame in s)
        self.unseen = to_training(self.real.thumbnails, self.training)
        found = {key.label.vocabulary for s in (data.test, *sets) for key in s.keys if key.label}
        self.classes = len(next(iter(found))) if len(found) == 1 else 0

    def scores(self, drawn: Taken) -> tuple[Score, ...]:
        """Of drawn pictures against real ones; distances beside their floor at the same n."""
        return (
            *score_pair(self.real.sample, drawn.sample, self.network),
            *self._manifolds(self.real.sample.rows, drawn.sample.rows),
            *self._accuracy(drawn),
            self._fine(drawn),
            self._variety(drawn),
        )

    def near_copies(self, drawn: Taken) -> tuple[Score, Nearness]:
        """How many drawn pictures come nearer to a training picture than unseen ones do."""
        near = nearness(drawn.thumbnails, self.training, self.unseen)
        score = Score(
            name=COPIES,
            value=near.share,
            interval=near.interval,
            floor=near.expected,
            floor_n=len(self.unseen.places),
            n_real=len(self.training),
            n_generated=len(drawn),
            passport=Passport(
                resize=f"{SIDE}x{SIDE}, by area", quantisation="uint8 after the resize"
            ),
            note=f"nearer to one training picture than {near.most:.1f} grey levels (RMS) and than "
            f"{near.most_relative:.0%} of its mean distance to the next ones: {LEVEL:.0%} of "
            "unseen real frames are, by either",
        )
        return score, near

    def likelihood(self, generator: object, places: list[int]) -> tuple[Score, ...]:
        """Bits per dimension of test frames, where the generator has a density."""
        if not isinstance(generator, HasLikelihood):
            return ()
        frames = [self.data.test[i] for i in places]
        value, note = None, ""
        try:
            value, kind = generator.bits_per_dimension(frames, seed_of("compare.bits", self.seed))
            note = f"{kind} figure" if kind == "exact" else "upper bound"
        except ValueError as error:  # CannotHonour among them
            note = f"refused: {error}"
        return (
            Score(
                name=LIKELIHOOD,
                value=value,
                n_real=len(frames),
                n_generated=0,
                passport=Passport(seed=self.seed),
                note=note,
            ),
        )

    def relative_spectrum(self, drawn: Taken) -> tuple[float | None, ...]:
        """Power per ring over that of real frames; None where there is no such frequency."""
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = drawn.spectrum / self.real.spectrum
        return tuple(float(r) if np.isfinite(r) else None for r in ratio)

    def _manifolds(self, real: Rows, drawn: Rows) -> Iterable[Score]:
        """Precision, recall, density, coverage, at equal n."""
        n = min(len(real), len(drawn))
        x, y = real.first(n).features, drawn.first(n).features
        for name, (function, k) in MANIFOLDS.items():
            yield self._manifold(name, function(x, y, k) if n > k else None, n, k)

    def _manifold(self, name: str, value: float | None, n: int, k: int) -> Score:
        note = f"k = {k}"
        if value is None:
            note = f"refused: k = {k} neighbours need more than {k} frames a side, got {n}"
        elif name == "coverage":
            note += f"; {density_coverage.expected_coverage(n, n, k):.2f} expected of equal sets"
        return Score(
            name=name,
            value=value,
            n_real=n,
            n_generated=n,
            higher_is_better=True,
            passport=self.passport,
            note=note,
        )

    def _accuracy(self, drawn: Taken) -> Iterable[Score]:
        """Train on drawn, test on real, where real frames have classes of one vocabulary."""
        told = self.real.labels >= 0
        if not self.classes or not told.any():
            return
        mine = drawn.labels >= 0
        if not mine.any():
            yield Score(
                name=ACCURACY,
                value=None,
                n_real=int(told.sum()),
                n_generated=0,
                higher_is_better=True,
                note="refused: its pictures have no class to train on",
            )
            return
        value = accuracy_score(
            _pictures(drawn.thumbnails[mine]),
            drawn.labels[mine],
            _pictures(self.real.thumbnails[told]),
            self.real.labels[told],
            self.classes,
            self.seed,
        )
        yield Score(
            name=ACCURACY,
            value=value,
            n_real=int(told.sum()),
            n_generated=int(mine.sum()),
            higher_is_better=True,
            passport=Passport(
                network="small convolutional network, fitted anew",
                resize=f"{SIDE}x{SIDE}, by area",
                seed=self.seed,
            ),
            note=f"of {self.classes} classes",
        )

    def _fine(self, drawn: Taken) -> Score:
        value = drawn.fine / self.real.fine if self.real.fine > 0 else None
        return self._relative(FINE, value, drawn, "real frames have no fine detail to compare with")

    def _variety(self, drawn: Taken) -> Score:
        real = pair_distances(self.real.thumbnails, self.real.ys)
        value = relative_diversity(real, pair_distances(drawn.thumbnails, drawn.ys))
        return self._relative(VARIETY, value, drawn, "no y has two pictures on both sides")

    def _relative(self, name: str, value: float | None, drawn: Taken, why: str) -> Score:
        return Score(
            name=name,
            value=value,
            n_real=len(self.real),
            n_generated=len(drawn),
            passport=Passport(resize=f"to {self.size[1]}x{self.size[0]}"),
            note="" if value is not None else f"refused: {why}",
        )


def _pictures(rows: Thumbnails) -> NDArray[np.uint8]:
    return rows.reshape(-1, SIDE, SIDE, 3)
