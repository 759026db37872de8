"""Wishes written by hand: such as can be granted, with what they ask for, and such as cannot.

They were written before anything was measured on them. No thing, place or style in those that
cannot be granted is in the lists that the grammar takes its own refusals from.
"""

import re

from parhelion.generators._wish_words import (
    COLOURS,
    NEAR_MISSES,
    PAINTERS,
    PLACES,
    QUALITIES,
    STYLES,
    THINGS,
)

# Free wording, and the cell of conditions that a clear day becomes.
CAN = {
    "I'd love to see this street under a thick blanket of fog": "fog/day",
    "can it be the dead of night?": "clear/night",
    "let snow fall on the street": "snow/day",
    "same spot, pouring rain": "rain/day",
    "it ought to be dark already": "clear/night",
    "give us rain": "rain/day",
    "foggy, please, and at night": "fog/night",
    "what about a rainy evening?": "rain/dusk",
    "pretend it's snowing": "snow/day",
    "could this be at 11:30 pm": "clear/night",
    "send in the fog": "fog/day",
    "this street around midnight": "clear/night",
    "drown the street in rain": "rain/day",
    "how would it look with snow on the ground?": "snow/day",
    "switch over to a misty night": "fog/night",
    "make the sky clear and the time night": "clear/night",
    "raining, at dusk": "rain/dusk",
    "have it rain heavily": "rain/day",
    "snow everywhere": "snow/day",
    "let the sun set": "clear/dusk",
}

CANNOT = (
    "park a limousine by the curb",
    "give the hatchback polka dots",
    "erase the joggers",
    "swap the asphalt for cobblestones",
    "a giraffe in the foreground",
    "turn it into a renaissance fresco",
    "make it look like a charcoal etching",
    "relocate this to reykjavik",
    "bring in a marching orchestra",
    "wrap the facades in ivy",
    "i want neon holograms everywhere",
    "straighten the skewed perspective",
    "double the resolution",
    "swing the viewpoint two metres left",
    "make the driver wave",
    "it is night, and a hedgehog is strolling by",
    "add fog and a phoenix",
    "a rainy carnival parade",
    "tint the whole thing magenta",
    "who won the election?",
)


def known_things() -> list[str]:
    """Words of `CANNOT` that the grammar's own refusals are made of; there are to be none."""
    lists = (THINGS, NEAR_MISSES, COLOURS, QUALITIES, STYLES, PLACES, PAINTERS)
    listed = {word for words in lists for word in words}
    said = {word for wish in CANNOT for word in re.findall(r"[a-z]+", wish.lower())}
    return sorted(word for word in said if word in listed or word.rstrip("s") in listed)
