"""The plan of one street: widths, lanes, junction and where the cameras drive.

Plans are drawn for traffic on the right; a street that drives on the left is its mirror image.
"""

from dataclasses import dataclass
from typing import Literal

from parhelion.sim_adapters._street_palette import Random

Character = Literal["city", "town", "suburb", "offices"]
CHARACTERS: tuple[Character, ...] = ("city", "town", "suburb", "offices")

BAY_M = 2.15  # width of a parking bay
REACH_M = 100.0  # how far the street goes on before the last camera
BEHIND_M = 22.0
SIDE_STREET_M = 62.0  # how far the blocks reach to both sides
WIDEST_VIEW = 0.9  # tangent of the widest half angle of view
TOO_NEAR_M = 5.0
KERB_M = 0.13  # height of the pavement


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Measures in metres; the street's middle line is x = 0, the first camera stands at y = 0."""

    character: Character
    lanes: int  # in each direction
    lane: float  # width
    bays: tuple[bool, bool]  # parked rows on the left, on the right
    pavements: tuple[float, float]  # widths on the left, on the right
    setback: float  # front gardens between pavement and houses
    verge: float  # grass between kerb and pavement; 0 = none
    junction: float | None  # y of the side street's middle
    side_half: float  # half the width of the side street
    signals: bool
    crossing: float | None  # y of a zebra crossing away from the junction
    cameras: tuple[float, ...]  # y of each view
    floors: tuple[int, int]  # fewest and most

    @property
    def left(self) -> float:
        """X of the left kerb."""
        return -self.lanes * self.lane - (BAY_M if self.bays[0] else 0.35)

    @property
    def right(self) -> float:
        """X of the right kerb."""
        return self.lanes * self.lane + (BAY_M if self.bays[1] else 0.35)

    @property
    def start(self) -> float:
        return -BEHIND_M

    @property
    def end(self) -> float:
        return self.cameras[-1] + REACH_M

    @property
    def own_lane(self) -> float:
        """X of the middle of the lane that the cameras drive in: the inner one."""
        return self.lane / 2

    def crowds_a_camera(self, x: float, y: float, half_width: float, half_length: float) -> bool:
        """Whether something there would fill much of a picture: in view and nearer than 5 m."""
        beside = max(abs(x - self.own_lane) - half_width, 0.0)
        for camera in self.cameras:
            ahead = y + half_length - camera
            nearest = max(y - half_length - camera, beside / WIDEST_VIEW)
            if nearest < min(ahead, TOO_NEAR_M):
                return True
        return False

    @property
    def blocks(self) -> tuple[tuple[float, float], ...]:
        """From y to y of the blocks on both sides of the street."""
        if self.junction is None:
            return ((self.start, self.end),)
        return (
            (self.start, self.junction - self.side_half),
            (self.junction + self.side_half, self.end),
        )

    def frontage(self, side: int) -> float:
        """|x| of the building line on the left (-1) or the right (1)."""
        kerb, pavement = (
            (self.right, self.pavements[1]) if side > 0 else (-self.left, self.pavements[0])
        )
        return kerb + self.verge + pavement + self.setback


def random_layout(random: Random, views: int) -> Layout:
    """A plan for a street with `views` cameras."""
    character = CHARACTERS[int(random.choice(4, p=(0.36, 0.26, 0.22, 0.16)))]
    wide = character in ("city", "offices")
    lanes = 2 if wide and random.random() < 0.4 else 1
    step = float(random.uniform(5.0, 9.0)) if views > 4 else float(random.uniform(7.0, 13.0))
    cameras = tuple(i * step for i in range(views))
    junction = crossing = None
    if random.random() < 0.68:
        junction = float(random.uniform(24, 46) + random.random() * cameras[-1])
    elif random.random() < 0.6:
        crossing = float(random.uniform(16, 34) + random.random() * cameras[-1])
    suburb = character == "suburb"
    return Layout(
        character=character,
        lanes=lanes,
        lane=float(random.uniform(3.0, 3.5)),
        bays=(bool(random.random() < 0.62), bool(random.random() < 0.62)),
        pavements=(
            float(random.uniform(2.2, 4.6 if wide else 3.2)),
            float(random.uniform(2.2, 4.6 if wide else 3.2)),
        ),
        setback=float(random.uniform(3.0, 6.5)) if suburb else 0.0,
        verge=float(random.uniform(1.2, 2.2))
        if random.random() < (0.6 if suburb else 0.2)
        else 0.0,
        junction=junction,
        side_half=float(random.uniform(3.2, 5.2)),
        signals=bool(random.random() < (0.8 if lanes == 2 else 0.5)),
        crossing=crossing,
        cameras=cameras,
        floors={"city": (4, 6), "town": (2, 4), "suburb": (1, 2), "offices": (4, 8)}[character],
    )
