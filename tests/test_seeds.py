"""Seeds and digests: of values alone, never of order of keys, process or hash seed."""

import hashlib
import subprocess
import sys

import numpy as np
import pytest

from parhelion.pipeline.conditions import Conditions, Weather
from parhelion.pipeline.seeds import canonical_json, digest, rng, seed_of


def test_digest_is_sha256_of_canonical_json() -> None:
    expected = hashlib.sha256(b'["a",{"x":1,"y":[2,3]}]').hexdigest()
    assert digest("a", {"y": [2, 3], "x": 1}) == expected
    assert digest("a", {"x": 1, "y": (2, 3)}) == expected


def test_models_and_sets_have_one_spelling() -> None:
    conditions = Conditions(weather=Weather.CLEAR, hour=12)
    assert canonical_json(conditions) == canonical_json(conditions.model_dump(mode="json"))
    assert digest(frozenset("abc")) == digest(["a", "b", "c"])


def test_other_parts_other_seed() -> None:
    seeds = {seed_of(1, "a"), seed_of(1, "b"), seed_of(2, "a"), seed_of("a", 1), seed_of("1", "a")}
    assert len(seeds) == 5
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_generators_of_equal_parts_draw_alike_and_apart_from_numpys_own() -> None:
    np.random.seed(0)  # noqa: NPY002 - what is under test is that it does not matter
    first = rng("x", 1).random(5)
    np.random.seed(1)  # noqa: NPY002
    np.testing.assert_array_equal(rng("x", 1).random(5), first)
    assert not np.array_equal(rng("x", 2).random(5), first)


def test_seeds_are_equal_in_another_process() -> None:
    code = "from parhelion.pipeline.seeds import seed_of; print(seed_of(7, 'frame', {'b': 1}))"
    other = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd="/"
    )
    assert int(other.stdout) == seed_of(7, "frame", {"b": 1})


def test_what_is_not_plain_data_is_refused() -> None:
    with pytest.raises(TypeError, match="plain data or pydantic models, got object"):
        digest(object())
