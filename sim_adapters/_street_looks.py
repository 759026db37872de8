"""What the fifteen weathers are like: ranges that each street draws its own values from.

The judge's table is its own: frames that judge a generator must not share its parameters, so the
ranges overlap the standard ones only in part.
"""

from typing import NamedTuple

from parhelion.pipeline.conditions import Weather

Range = tuple[float, float]
Colour = tuple[float, float, float]

GREY: Colour = (1.0, 1.0, 1.0)
NONE: Range = (0.0, 0.0)


class Look(NamedTuple):
    """What a weather is like; every pair is a range that a street draws from."""

    cloud: Range  # share of the sky
    turbidity: Range  # Preetham's T: 2 very clear, 10 hazy
    visibility_m: Range
    gloom: Range = NONE  # share of daylight that thick clouds take, beyond thin ones
    rain_mm_h: Range = NONE
    snow_mm_h: Range = NONE  # water equivalent
    snow_cover: Range = NONE
    wetness: Range = NONE
    wind_m_s: Range = (0.0, 1.5)
    tint: Colour = GREY  # of haze and clouds


LOOKS: dict[Weather, Look] = {
    Weather.EXTRA_SUNNY: Look((0.0, 0.03), (2.0, 2.3), (30e3, 50e3)),
    Weather.CLEAR: Look((0.1, 0.22), (2.3, 3.0), (15e3, 30e3)),
    Weather.CLOUDS: Look((0.5, 0.65), (2.6, 3.4), (8e3, 20e3)),
    Weather.SMOG: Look((0.2, 0.4), (6.0, 8.0), (260, 420), tint=(1.0, 0.83, 0.6)),
    Weather.FOGGY: Look((1.0, 1.0), (4.0, 6.0), (70, 150), wetness=(0.1, 0.3)),
    Weather.OVERCAST: Look((0.97, 1.0), (3.0, 5.0), (3e3, 8e3), gloom=(0.1, 0.3)),
    Weather.RAINING: Look(
        (1.0, 1.0), (4.0, 6.0), (450, 900), (0.25, 0.4), (6.0, 16.0), wetness=(0.85, 1.0)
    ),
    Weather.THUNDER_STORM: Look(
        (1.0, 1.0),
        (5.0, 7.0),
        (220, 380),
        (0.72, 0.82),
        (25.0, 50.0),
        wetness=(1.0, 1.0),
        wind_m_s=(3.0, 6.0),
        tint=(0.86, 0.93, 1.0),
    ),
    Weather.CLEARING: Look((0.4, 0.55), (2.2, 2.8), (6e3, 12e3), wetness=(0.6, 0.85)),
    Weather.NEUTRAL: Look((0.7, 0.8), (4.0, 5.0), (6e3, 12e3)),
    Weather.SNOWING: Look(
        (1.0, 1.0), (3.0, 5.0), (320, 600), (0.1, 0.25), NONE, (1.2, 2.5), (0.75, 0.95)
    ),
    Weather.BLIZZARD: Look(
        (1.0, 1.0),
        (4.0, 6.0),
        (70, 130),
        (0.2, 0.35),
        NONE,
        (5.0, 9.0),
        (0.95, 1.0),
        wind_m_s=(4.0, 7.0),
    ),
    Weather.SNOWLIGHT: Look(
        (0.8, 0.9), (3.0, 4.0), (1200, 2500), (0.0, 0.1), NONE, (0.35, 0.8), (0.35, 0.6)
    ),
    Weather.CHRISTMAS: Look((0.93, 1.0), (2.5, 3.5), (4e3, 9e3), (0.0, 0.1), snow_cover=(0.9, 1.0)),
    Weather.HALLOWEEN: Look(
        (0.75, 0.9), (7.0, 9.0), (170, 300), (0.55, 0.68), tint=(0.95, 0.72, 0.58)
    ),
}

JUDGE_LOOKS: dict[Weather, Look] = LOOKS | {
    Weather.SMOG: Look((0.3, 0.55), (5.0, 7.0), (200, 330), tint=(1.0, 0.83, 0.6)),
    Weather.FOGGY: Look((1.0, 1.0), (4.0, 6.0), (40, 90), gloom=(0.0, 0.2), wetness=(0.0, 0.2)),
    Weather.RAINING: Look(
        (1.0, 1.0), (3.0, 5.0), (550, 1200), (0.3, 0.5), (10.0, 24.0), wetness=(0.7, 0.95)
    ),
    Weather.THUNDER_STORM: Look(
        (1.0, 1.0), (5.0, 7.0), (260, 450), (0.68, 0.8), (35.0, 60.0), wetness=(0.9, 1.0)
    ),
    Weather.SNOWING: Look(
        (1.0, 1.0), (3.0, 5.0), (510, 800), (0.05, 0.2), NONE, (0.8, 2.0), (0.6, 0.85)
    ),
    Weather.BLIZZARD: Look(
        (1.0, 1.0), (4.0, 6.0), (50, 100), (0.1, 0.3), NONE, (4.0, 7.0), (0.9, 1)
    ),
    Weather.SNOWLIGHT: Look(
        (0.7, 0.85), (3.0, 4.0), (900, 2000), (0.0, 0.1), NONE, (0.5, 1.0), (0.25, 0.5)
    ),
    Weather.HALLOWEEN: Look(
        (0.7, 0.85), (7.0, 9.0), (120, 220), (0.5, 0.62), tint=(0.95, 0.72, 0.58)
    ),
}
