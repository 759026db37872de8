"""What an adapter says of its source; docs/adapters.md and `parhelion adapters` show it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from parhelion.pipeline.conditions import TimeOfDay, Weather
from parhelion.pipeline.provenance import Kind
from parhelion.pipeline.scene_class import LabelSpace, SceneClass


@dataclass(frozen=True, kw_only=True)
class About:
    """One source: its words with what they mean here, and what nobody could verify."""

    title: str  # as its makers call it
    kind: Kind = Kind.REAL
    licence: str = ""  # of the data
    # By layer: how the source stores it, and what becomes of it.
    units: Mapping[str, str] = field(default_factory=dict)
    classes: Mapping[str, SceneClass] = field(default_factory=dict)  # its class words
    label_space: LabelSpace = frozenset()  # what it annotates at all
    weathers: Mapping[str, Weather] = field(default_factory=dict)
    times: Mapping[str, TimeOfDay] = field(default_factory=dict)
    unverified: tuple[str, ...] = ()  # sentences
