"""What can happen in a street beyond weather: a flood, a plane crash; and how it is written."""

from typing import NamedTuple

from parhelion.pipeline.conditions import Event


class Happening(NamedTuple):
    """One event in one street; it changes the geometry, so twins share it."""

    event: Event = Event.NONE
    water_level_m: float = 0.0  # of the mean surface, above the road
    wave_height_m: float = 0.0  # from the lowest trough to the highest crest

    @property
    def words(self) -> tuple[str, ...]:
        """The event with its numbers, empty where nothing happened."""
        if self.event is Event.NONE:
            return ()
        if self.event is Event.FLOOD:
            return (f"flood-{self.water_level_m}m-waves-{self.wave_height_m}m",)
        return (self.event.value,)


QUIET = Happening()
