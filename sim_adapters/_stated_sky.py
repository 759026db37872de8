"""Weather and hour of sources that do not tell both: what their user knows of the frames."""

from parhelion.pipeline.conditions import Conditions, TimeOfDay, Weather
from parhelion.pipeline.contracts import PartConfig


class StatedSky(PartConfig):
    """Settings of a source that is silent; what nobody states stays unknown."""

    weather: Weather = Weather.UNKNOWN  # of all frames that tell none
    time_of_day: TimeOfDay = TimeOfDay.UNKNOWN  # of all frames that tell none

    @property
    def conditions(self) -> Conditions:
        """Of a frame that tells nothing."""
        return self.completed(Conditions())

    def completed(self, told: Conditions) -> Conditions:
        """What the source tells of a frame; what it leaves unknown is as the settings say."""
        missing: dict[str, Weather | TimeOfDay] = {}
        if told.weather is Weather.UNKNOWN:
            missing["weather"] = self.weather
        if told.time_of_day is TimeOfDay.UNKNOWN:
            missing["time_of_day"] = self.time_of_day
        return told.model_copy(update=missing)
