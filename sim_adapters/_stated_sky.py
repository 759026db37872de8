"""Weather and hour of sources that tell neither: what their user knows of all their frames."""

from parhelion.pipeline.conditions import Conditions, TimeOfDay, Weather
from parhelion.pipeline.contracts import PartConfig


class StatedSky(PartConfig):
    """Settings of a source that is silent; what nobody states stays unknown."""

    weather: Weather = Weather.UNKNOWN  # of all frames
    time_of_day: TimeOfDay = TimeOfDay.UNKNOWN  # of all frames

    @property
    def conditions(self) -> Conditions:
        return Conditions(weather=self.weather, time_of_day=self.time_of_day)
