"""The kept features: independent of order and chunks, halves without a common group."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parhelion.pipeline.feature_sample import FeatureSample, Rows, halves, matched


def filled(order: list[int], limit: int = 10) -> FeatureSample:
    made = FeatureSample(2, seed=5, limit=limit)
    for i in order:
        made.add([f"frame-{i}"], [f"group-{i // 2}"], np.full((1, 2), i, np.float32))
    return made


@given(st.permutations(range(30)), st.integers(0, 30))
def test_kept_rows_do_not_depend_on_order_or_chunks(order: list[int], cut: int) -> None:
    whole = filled(list(range(30)))
    merged = filled(order[:cut])
    merged.merge(filled(order[cut:]))
    np.testing.assert_array_equal(merged.rows.features, whole.rows.features)
    assert merged.rows.groups == whole.rows.groups
    assert len(whole.rows) == 10
    assert merged.seen == 30


def test_another_seed_keeps_other_frames() -> None:
    a, b = filled(list(range(30))), FeatureSample(2, seed=6, limit=10)
    b.add([f"frame-{i}" for i in range(30)], ["g"] * 30, np.arange(60.0).reshape(30, 2))
    assert set(a.rows.features[:, 0]) != set(b.rows.features[:, 0] / 2)


def test_wrong_shape_and_unlike_samples_are_refused() -> None:
    with pytest.raises(ValueError, match=r"wanted shape \(1, 2\), got \(1, 3\)"):
        FeatureSample(2).add(["a"], ["g"], np.zeros((1, 3), np.float32))
    with pytest.raises(ValueError, match="do not merge"):
        FeatureSample(2, seed=1).merge(FeatureSample(2, seed=2))


@given(st.lists(st.integers(0, 8), min_size=2, max_size=40))
def test_halves_share_no_group_and_differ_by_at_most_one_group(groups: list[int]) -> None:
    rows = Rows(np.arange(len(groups), dtype=np.float32)[:, None], tuple(map(str, groups)))
    a, b = halves(rows)
    assert not set(a.groups) & set(b.groups)
    assert sorted([*a.features[:, 0], *b.features[:, 0]]) == list(range(len(groups)))
    assert abs(len(a) - len(b)) <= max(groups.count(g) for g in groups)


def test_matched_sets_have_equal_size() -> None:
    rows = Rows(np.zeros((20, 1), np.float32), tuple(map(str, range(20))))
    sets = matched(rows, rows.first(7))
    assert len(sets.generated) == len(sets.reference) == len(sets.control) == sets.n == 7
