"""Seeds and digests: what is random comes from a hash of what is wanted, never of who draws it."""

import hashlib
import json

import numpy as np
from pydantic import BaseModel


def _plain(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, frozenset | set):
        return sorted(value)
    raise TypeError(f"a digest takes plain data or pydantic models, got {type(value).__name__}")


def canonical_json(value: object) -> str:
    """One spelling for equal values: sorted keys, no white space, models as their fields."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=_plain)


def digest(*parts: object) -> str:
    """sha256 of plain data, 64 hex digits; equal parts in equal order give equal digests."""
    return hashlib.sha256(canonical_json(parts).encode()).hexdigest()


def seed_of(*parts: object) -> int:
    """A seed of 63 bits from plain data: run seed, frame id, conditions, draw, purpose."""
    return int(digest(*parts)[:16], 16) >> 1


def rng(*parts: object) -> np.random.Generator:
    """A random generator of its own for `parts`; nothing else ever draws from it."""
    return np.random.Generator(np.random.PCG64(seed_of(*parts)))
