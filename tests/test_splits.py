"""Groups fall into splits by a hash: in the wanted shares, and each on its own."""

import pytest

from parhelion.pipeline.splits import (
    GroupInTwoSplits,
    SplitFractions,
    split_of,
    splits_by_group,
)

GROUPS = [f"scene-{i}" for i in range(4000)]


def test_shares_come_out_as_asked():
    fractions = SplitFractions(train=0.7, validation=0.2, test=0.1)
    found = [split_of(group, 5, fractions) for group in GROUPS]
    for name, share in fractions.shares.items():
        spread = (share * (1 - share) / len(GROUPS)) ** 0.5
        assert abs(found.count(name) / len(GROUPS) - share) < 4 * spread


def test_a_group_has_one_split_and_the_seed_moves_it():
    fractions = SplitFractions()
    first = [split_of(group, 1, fractions) for group in GROUPS]
    assert first == [split_of(group, 1, fractions) for group in GROUPS]
    assert first != [split_of(group, 2, fractions) for group in GROUPS]


def test_an_empty_share_gets_nothing():
    fractions = SplitFractions(train=1, validation=0, test=0)
    assert {split_of(group, 0, fractions) for group in GROUPS} == {"train"}


def test_fractions_that_do_not_sum_to_one_are_refused():
    with pytest.raises(ValueError, match=r"must sum to 1, got 1\.2"):
        SplitFractions(train=0.8, validation=0.2, test=0.2)


def test_a_group_in_two_splits_is_named():
    assert splits_by_group([("a", "train"), ("b", "test"), ("a", "train")]) == {
        "a": "train",
        "b": "test",
    }
    with pytest.raises(GroupInTwoSplits, match="got group 'a' in train and test"):
        splits_by_group([("a", "train"), ("a", "test")])
