"""The words of wishes: what weather and time of day are called, and much that is neither.

Each row says the same thing in several ways. Nouns and moments stand with their article.
"""

from typing import Literal, NamedTuple

from parhelion.pipeline.conditions import TimeOfDay, Weather

Amount = Literal["light", "heavy"]
Gone = Literal["rain", "snow", "fog", "clouds", "sun", "bad weather"]


class Sky(NamedTuple):
    """What one weather is called."""

    weather: Weather
    nouns: tuple[str, ...]
    adjectives: tuple[str, ...]
    clauses: tuple[str, ...]
    amount: Amount | None = None
    time: TimeOfDay | None = None  # that goes without saying

    @property
    def bare(self) -> tuple[str, ...]:
        """Nouns that "the" goes before."""
        return tuple(noun for noun in self.nouns if " " not in noun)


class Time(NamedTuple):
    """What one time of day is called."""

    time: TimeOfDay
    nouns: tuple[str, ...]
    moments: tuple[str, ...]
    clauses: tuple[str, ...]
    bare: tuple[str, ...]  # nouns that an adjective goes before


class Taken(NamedTuple):
    """What is called that a wish can take away, and where that is."""

    kinds: tuple[str, ...]  # of sky (`Conditions.sky_kind`), that have it
    nouns: tuple[str, ...]
    adjectives: tuple[str, ...] = ()
    falling: tuple[str, ...] = ()  # what stops
    leaves: Weather = Weather.CLEAR


SKIES = (
    Sky(
        Weather.CLEAR,
        ("clear weather", "a clear sky", "clear skies", "a blue sky", "fine weather"),
        ("clear", "cloudless", "dry", "fine"),
        ("the sky is clear", "it is dry", "there is no cloud in the sky", "the weather is fine"),
    ),
    Sky(
        Weather.CLEAR,
        ("sunshine", "bright sunshine", "sun", "sunny weather", "sunlight", "more sun"),
        ("sunny", "bright and sunny"),
        ("the sun is shining", "it is sunny", "the sun shines"),
        time=TimeOfDay.DAY,
    ),
    Sky(
        Weather.CLOUDS,
        ("clouds", "some clouds", "a cloudy sky", "scattered clouds"),
        ("cloudy", "partly cloudy"),
        ("there are clouds in the sky", "it is cloudy"),
    ),
    Sky(
        Weather.OVERCAST,
        ("overcast weather", "an overcast sky", "a grey sky", "a gray sky", "more clouds"),
        ("overcast",),
        ("the sky is overcast", "the sky is grey"),
    ),
    Sky(
        Weather.FOGGY,
        ("fog", "mist", "foggy weather", "some fog", "a fog"),
        ("foggy", "misty"),
        ("there is fog", "it is foggy", "fog lies over the road", "everything is in fog"),
    ),
    Sky(
        Weather.FOGGY,
        ("thick fog", "dense fog", "heavy fog", "very thick fog", "more fog", "a lot of fog"),
        ("very foggy", "densely foggy", "foggier", "more foggy"),
        ("the fog is thick", "there is dense fog", "there is more fog", "the fog is thicker"),
        "heavy",
    ),
    Sky(
        Weather.FOGGY,
        ("light fog", "thin fog", "a light mist", "a little fog", "less fog", "a bit less fog"),
        ("slightly foggy", "a bit misty", "less foggy"),
        ("the fog is thin", "there is a little fog", "there is less fog", "the fog is thinner"),
        "light",
    ),
    Sky(
        Weather.SMOG,
        ("haze", "smog", "hazy air"),
        ("hazy", "smoggy"),
        ("the air is hazy", "there is smog"),
    ),
    Sky(
        Weather.RAINING,
        ("rain", "rainfall", "rainy weather", "some rain", "falling rain", "wet weather"),
        ("rainy", "raining", "rain"),
        ("it is raining", "rain is falling", "it rains", "the rain falls"),
    ),
    Sky(
        Weather.RAINING,
        (
            *("light rain", "a drizzle", "drizzle", "a little rain", "gentle rain"),
            *("a light shower", "less rain", "a bit less rain"),
        ),
        ("drizzly", "slightly rainy", "less rainy"),
        (
            *("it is drizzling", "a light rain is falling", "it rains a little"),
            *("it is raining less", "there is less rain"),
        ),
        "light",
    ),
    Sky(
        Weather.RAINING,
        (
            *("heavy rain", "a downpour", "pouring rain", "strong rain", "torrential rain"),
            *("more rain", "a lot of rain"),
        ),
        ("very rainy", "pouring", "rainier", "more rainy"),
        (
            *("it is pouring", "it is raining hard", "it is raining heavily"),
            *("heavy rain is falling", "it is raining harder", "there is more rain"),
        ),
        "heavy",
    ),
    Sky(
        Weather.THUNDER_STORM,
        ("a thunderstorm", "a storm", "thunder and lightning"),
        ("stormy", "thundery"),
        ("there is a thunderstorm", "a storm is raging"),
    ),
    Sky(
        Weather.CLEARING,
        ("a wet road", "wet streets", "puddles", "puddles on the road"),
        ("wet after the rain",),
        ("the rain has just stopped", "the road is wet", "the street is still wet"),
    ),
    Sky(
        Weather.SNOWING,
        ("snow", "falling snow", "snowfall", "snowy weather", "snowflakes", "some snow"),
        ("snowy", "snowing", "snow"),
        ("it is snowing", "snow is falling", "it snows", "the snow falls"),
    ),
    Sky(
        Weather.SNOWLIGHT,
        ("light snow", "a little snow", "a few snowflakes", "gentle snow", "less snow"),
        ("slightly snowy", "less snowy"),
        ("it is snowing a little", "a light snow is falling"),
    ),
    Sky(
        Weather.BLIZZARD,
        ("a blizzard", "a snowstorm", "heavy snow", "heavy snowfall", "more snow"),
        ("very snowy", "snowier", "more snowy"),
        ("it is snowing hard", "it is snowing heavily", "heavy snow is falling"),
    ),
    Sky(
        Weather.CHRISTMAS,
        ("snow on the ground", "lying snow", "a blanket of snow", "snow on the road"),
        ("snow-covered", "covered in snow", "white with snow"),
        ("snow lies on the road", "there is snow on the ground", "the road is covered with snow"),
    ),
)

TIMES = (
    Time(
        TimeOfDay.NIGHT,
        (
            "night",
            "nighttime",
            "a dark night",
            "the middle of the night",
            "a night scene",
            "darkness",
        ),
        ("at night", "after dark", "by night", "late at night", "during the night"),
        ("it is night", "night has fallen", "it is dark outside", "it is dark"),
        ("night",),
    ),
    Time(
        TimeOfDay.DAWN,
        ("dawn", "sunrise", "daybreak", "early morning", "first light"),
        ("at dawn", "at sunrise", "at daybreak", "in the early morning"),
        ("the sun is rising", "it is dawn", "day is breaking"),
        ("dawn", "early morning", "sunrise"),
    ),
    Time(
        TimeOfDay.DUSK,
        ("dusk", "sunset", "twilight", "evening", "nightfall"),
        ("at dusk", "at sunset", "in the evening", "at twilight", "at nightfall"),
        ("the sun is setting", "it is dusk", "it is getting dark", "the sun goes down"),
        ("dusk", "evening", "sunset"),
    ),
    Time(
        TimeOfDay.DAY,
        ("day", "daytime", "daylight", "broad daylight", "the afternoon", "morning"),
        ("by day", "during the day", "in the afternoon", "in daylight", "in the morning"),
        ("it is day", "it is daytime", "it is broad daylight"),
        ("day", "afternoon", "morning"),
    ),
)

TAKEN: dict[Gone, Taken] = {
    "rain": Taken(
        ("rain",),
        ("rain", "drizzle", "rainfall", "downpour", "storm", "thunderstorm"),
        ("raining", "rainy", "stormy", "drizzling"),
        ("raining", "drizzling", "pouring"),
    ),
    "snow": Taken(
        ("snow",),
        ("snow", "snowfall", "snowflakes", "snowstorm", "blizzard"),
        ("snowing", "snowy"),
        ("snowing",),
    ),
    "fog": Taken(("fog", "haze"), ("fog", "mist", "haze"), ("foggy", "misty", "hazy")),
    "clouds": Taken(("cloudy", "overcast"), ("clouds",), ("cloudy", "overcast")),
    "sun": Taken(
        ("clear", "cloudy"),
        ("sun", "sunshine", "sunlight"),
        ("sunny",),
        leaves=Weather.OVERCAST,
    ),
    "bad weather": Taken(
        ("rain", "snow", "fog", "haze", "overcast", "cloudy"),
        ("bad weather", "awful weather", "precipitation"),
    ),
}


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _sentences(text: str) -> tuple[str, ...]:
    return tuple(s.strip() for s in text.strip().replace("\n", ";").split(";"))


THINGS = _words(
    """
    dog cat horse cow sheep elephant tiger lion bear wolf fox rabbit mouse bird pigeon eagle
    duck goose fish shark whale dolphin snake lizard dragon unicorn dinosaur robot alien zombie
    ghost wizard knight person man woman child baby girl boy policeman firefighter cyclist
    pedestrian crowd soldier dancer car truck lorry bus tram train taxi van bicycle bike
    motorcycle scooter ambulance tractor boat ship aeroplane airplane helicopter balloon drone
    rocket spaceship ufo submarine wheel engine bumper door window roof wall house building
    tower skyscraper castle church bridge tunnel station shop restaurant hotel school hospital
    stadium statue fountain bench table chair sofa lamp candle mirror sign billboard poster
    banner flag logo text letter number plate advertisement graffiti traffic-light lane kerb
    pavement sidewalk crossing pothole barrier fence gate pole wire cable antenna tree bush
    flower grass leaf forest mountain hill river lake sea beach desert island waterfall volcano
    hat shoe coat umbrella jacket dress shirt glasses watch bag backpack suitcase phone laptop
    camera apple banana pizza burger cake bread coffee beer bottle cup plate knife fork spoon
    guitar piano drum ball football kite toy doll puzzle book newspaper pencil brush box barrel
    crate pallet trash bin bomb fire smoke explosion blood gun sword shield crown diamond gold
    coin money treasure
    """
)
NEAR_MISSES = _words(
    """
    raincoat rainbow raindrop-logo snowman snowplough snowboard snowball-fight sunflower
    sunglasses sunroof nightclub nightgown foghorn fog-lamp fog-light frog brain drain grain
    train dayglow daisy cloudberry thunderbird stormtrooper mister daylily moonwalker
    night-watchman umbrella-stand
    """
)
COLOURS = _words(
    """
    red green blue yellow orange purple pink brown black white silver golden turquoise violet
    beige
    """
)
QUALITIES = _words(
    """
    bigger smaller larger taller shorter wider narrower faster slower older newer nicer prettier
    uglier sharper blurrier brighter darker warmer cooler cleaner dirtier funnier scarier
    happier sadder louder lighter heavier cheaper busier emptier rounder shinier transparent
    invisible upside-down sideways lovely beautiful scary funny cute realistic professional
    expensive modern ancient broken rusty tidy
    """
)
STYLES = _words(
    """
    anime cartoon manga watercolour watercolor impressionism cubism sketch comic pixel-art lego
    claymation cyberpunk steampunk vaporwave noir sepia grayscale monochrome black-and-white
    vintage retro cinematic surrealism minimalism origami mosaic graffiti-art photorealistic
    oil-painting line-drawing blueprint
    """
)
PLACES = _words(
    """
    paris london tokyo rome berlin venice egypt japan india mars moon jungle desert underwater
    heaven space village farm harbour airport hollywood disneyland antarctica africa texas
    greece norway summer spring autumn winter christmas-market halloween-party wonderland
    jupiter atlantis
    """
)
PAINTERS = _words("picasso monet rembrandt dali warhol vermeer hokusai banksy turner klimt disney")
WATCHES = _words("describe photograph count explain measure paint hear taste predict film sell")
OTHER_DEEDS = _sentences(
    """
    rotate the picture by ten degrees; crop the image; zoom in; zoom out; flip it horizontally
    mirror it; increase the contrast; reduce the saturation; blur the background
    sharpen the edges; raise the gamma; make it brighter by two stops; lower the exposure
    upscale it to four times the size; denoise the image; translate the sign into german
    write a poem; what is the capital of france; who are you; what time is it; hello there
    tell me a joke; how many cars are there; where is this; count the people; what do you see
    open the door; delete the file; run the program; play some music; help; undo the last change
    save the picture; make it better; improve it; fix it; do something interesting; surprise me
    anything you like; nothing; flood the street; let an aeroplane crash into the road
    set the house on fire; an earthquake; a tornado; a sandstorm; a volcanic eruption
    a hurricane; hail; a solar eclipse; northern lights; a full moon; stars; make the wind blow
    make it hot; make it freezing cold; make it humid; a heat wave; an avalanche
    """
)
