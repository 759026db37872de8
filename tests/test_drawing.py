"""Drawing several requests together: the same frames, and a refused one takes none with it."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from conftest import make_frame

from parhelion.pipeline.conditions import Conditions, Weather
from parhelion.pipeline.contracts import CannotHonour, Request
from parhelion.pipeline.drawing import frames_of
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.plan_requests import PlannedRequest
from parhelion.pipeline.quarantine import QuarantineRow
from parhelion.pipeline.shards import StoredFrames, write_frames

FOG, SNOW = (Conditions(weather=w, hour=12) for w in (Weather.FOGGY, Weather.SNOWING))


class Echo:
    """Gives parents back; snow it refuses."""

    def __init__(self, at_once: int) -> None:
        self.at_once, self.asked = at_once, list[int]()

    def generate(self, requests: Sequence[Request]) -> Iterator[Frame]:
        self.asked.append(len(requests))
        for request in requests:
            if request.conditions == SNOW:
                raise CannotHonour("no snow")
            assert request.parent is not None
            yield request.parent


@pytest.fixture
def parents(tmp_path: Path) -> StoredFrames:
    write_frames(tmp_path / "a.parquet", [(make_frame(i), "train") for i in range(5)])
    return StoredFrames([tmp_path / "a.parquet"])


def drawn(
    parents: StoredFrames, generator: Any, refused: frozenset[int]
) -> tuple[list[str], list[QuarantineRow]]:
    requests = [
        PlannedRequest(
            need="fog/day",
            parent_id=key.frame_id,
            generator="echo",
            conditions=SNOW if i in refused else FOG,
            draw=0,
            seed=i,
        )
        for i, key in enumerate(parents.keys)
    ]
    quarantined: list[QuarantineRow] = []
    frames = [f.frame_id for f, _ in frames_of(generator, requests, parents, quarantined)]
    return frames, quarantined


@pytest.mark.parametrize("at_once", [1, 2, 3, 8])
@pytest.mark.parametrize("refused", [frozenset[int](), frozenset({1}), frozenset({0, 4})])
def test_however_many_are_drawn_together_the_frames_are_the_same(
    parents: StoredFrames, at_once: int, refused: frozenset[int]
) -> None:
    frames, quarantined = drawn(parents, Echo(at_once), refused)
    ids = [key.frame_id for key in parents.keys]
    assert frames == [ids[i] for i in range(5) if i not in refused]
    assert [row.parent_id for row in quarantined] == [ids[i] for i in sorted(refused)]
    assert all(row.sentence == "no snow" for row in quarantined)


def test_requests_come_together_where_the_generator_likes_it(parents: StoredFrames) -> None:
    generator = Echo(2)
    drawn(parents, generator, frozenset())
    assert generator.asked == [2, 2, 1]
