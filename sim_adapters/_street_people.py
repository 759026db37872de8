"""People: bodies of different build, dress and pose, made of tapering tubes between their joints.

A person faces +y and stands on the ground at the origin. Joints come in pairs (left, right).
"""

from dataclasses import dataclass, replace

import numpy as np

from parhelion.pipeline.scene_class import SceneClass
from parhelion.sim_adapters import _street_palette as palette
from parhelion.sim_adapters._street_assembly import Piece, Surface
from parhelion.sim_adapters._street_palette import Colour, Random
from parhelion.sim_adapters._street_shapes import (
    Floats,
    Mesh,
    ellipsoid,
    merged,
    offset,
    tube,
    tubes,
)

UPPER, LOWER, SHOE, HAIR, BAG = range(5)


@dataclass(frozen=True, eq=False)
class Joints:
    """Where the joints of a body are: metres, for somebody 1.75 m tall."""

    pelvis: Floats  # (3,)
    neck: Floats  # (3,)
    knees: Floats  # (2, 3)
    ankles: Floats  # (2, 3)
    elbows: Floats  # (2, 3)
    hands: Floats  # (2, 3)


@dataclass(frozen=True, kw_only=True)
class Looks:
    """Build and dress of one person."""

    height: float
    girth: float
    skin: Colour
    colours: tuple[Colour, ...]  # upper, lower, shoe, hair, bag
    dress: str  # "trousers", "shorts", "skirt" or "coat"
    hair: str  # "short", "long" or "cap"
    bag: str  # "none", "backpack" or "handbag"


def random_looks(random: Random) -> Looks:
    """Anybody."""
    child = random.random() < 0.08
    height = float(random.uniform(1.15, 1.4) if child else random.normal(1.71, 0.085))
    return Looks(
        height=height,
        girth=float(random.uniform(0.9, 1.25)),
        skin=palette.pick(random, palette.SKIN),
        colours=(
            palette.pick(random, palette.TOP),
            palette.pick(random, palette.TROUSERS),
            palette.pick(random, palette.SHOES),
            palette.pick(random, palette.HAIR),
            palette.pick(random, palette.BAG),
        ),
        dress=str(random.choice(("trousers", "shorts", "skirt", "coat"), p=(0.62, 0.1, 0.1, 0.18))),
        hair=str(random.choice(("short", "long", "cap"), p=(0.52, 0.32, 0.16))),
        bag=str(random.choice(("none", "backpack", "handbag"), p=(0.62, 0.2, 0.18))),
    )


def walking(phase: float) -> Joints:
    """A step: `phase` in radians, left leg in front at pi / 2."""
    swing = np.array([1.0, -1.0]) * np.sin(phase)
    lift = np.clip(np.array([1.0, -1.0]) * np.cos(phase), 0, None)  # of the leg that comes forward
    thigh, shin = np.radians(26) * swing, np.radians(26) * swing - np.radians(8 + 46 * lift)
    x = np.array([-0.095, 0.095])
    dip = 0.03 * abs(np.sin(phase))
    pelvis = np.array([0.0, 0.0, 0.93 - dip])
    knees = np.stack([x, 0.43 * np.sin(thigh), pelvis[2] - 0.43 * np.cos(thigh)], axis=1)
    ankles = knees + np.stack([x * 0, 0.42 * np.sin(shin), -0.42 * np.cos(shin)], axis=1)
    ankles[:, 2] += 0.07 - ankles[:, 2].min()
    upper, lower = np.radians(-24) * swing, np.radians(-24) * swing + np.radians(24)
    arm = np.array([-0.215, 0.215])
    shoulder = pelvis[2] + 0.47
    elbows = np.stack([arm, 0.28 * np.sin(upper), shoulder - 0.28 * np.cos(upper)], axis=1)
    hands = elbows + np.stack([arm * 0.05, 0.25 * np.sin(lower), -0.25 * np.cos(lower)], axis=1)
    return Joints(pelvis, offset(pelvis, 0, 0.03, 0.56), knees, ankles, elbows, hands)


def standing(random: Random) -> Joints:
    """At rest, one arm perhaps raised to hold a telephone."""
    still = walking(0.0)
    x = np.array([[-0.11, 0.0, 0.07], [0.12, 0.02, 0.07]])
    knees = np.array([[-0.1, 0.01, 0.5], [0.11, 0.03, 0.5]])
    hands, elbows = still.hands.copy(), still.elbows.copy()
    hands[:, 1] = 0.04
    if random.random() < 0.45:
        hands[1] = (0.1, 0.26, 1.22)
        elbows[1] = (0.24, 0.06, 1.13)
    return replace(still, knees=knees, ankles=x, hands=hands, elbows=elbows)


def person(looks: Looks, joints: Joints, category: SceneClass = SceneClass.PERSON) -> list[Piece]:
    """A dressed body in a pose, as pieces of cloth and skin."""
    cloth = Surface("cloth", category, looks.colours, smooth=True)
    skin = Surface("skin", category, (looks.skin,), smooth=True)
    bare = looks.dress in ("shorts", "skirt")
    lower_legs = _lower_legs(joints, looks.girth)
    covered = [_torso(joints, looks), *_arms(joints, looks), *_thighs(joints, looks)]
    covered += [_shoe(ankle) for ankle in joints.ankles]
    covered += [*_hair(joints, looks), *_bag(joints, looks)]
    shown = [_head(joints), *(ellipsoid(h, (0.04, 0.05, 0.065), 6, 5) for h in joints.hands)]
    if bare:
        shown += lower_legs
    else:
        covered += [leg.shaded(LOWER) for leg in lower_legs]
    scale = looks.height / 1.75
    pieces = [Piece(merged(covered), cloth), Piece(merged(shown), skin)]
    return [Piece(p.mesh.through(np.eye(3) * scale), p.surface) for p in pieces]


def _torso(joints: Joints, looks: Looks) -> Mesh:
    spine = joints.neck - joints.pelvis
    g = looks.girth
    at = np.array([-0.1, 0.0, 0.25, 0.58, 0.8, 0.94, 1.03])
    radii = np.array([(0.15, 0.11), (0.165, 0.12), (0.15, 0.112), (0.178, 0.125), (0.185, 0.115),
                      (0.12, 0.085), (0.055, 0.06)])  # fmt: skip
    radii[:5] *= (0.92 + 0.08 * g, g)
    body = tube(joints.pelvis + at[:, None] * spine, radii, 10).shaded(UPPER)
    if looks.dress not in ("coat", "skirt"):
        return body
    reach = -0.78 if looks.dress == "coat" else -0.62
    drop = np.array([0.12, 0.0, 0.5 * reach, reach])
    flare = np.array([(0.16, 0.13), (0.175, 0.135), (0.2, 0.18), (0.23, 0.23)])
    skirt = tube(joints.pelvis + drop[:, None] * (0, 0, 0.56), flare, 10)
    return merged([body, skirt.shaded(UPPER if looks.dress == "coat" else LOWER)])


def _limbs(a: Floats, b: Floats, thick: float, thin: float) -> list[Mesh]:
    """Tapering tubes from a to b, (t, 3) each, that swell a little below their start."""
    paths = a[:, None] + np.array([0.0, 0.3, 0.7, 1.0])[:, None] * (b - a)[:, None]
    radii = thick + np.array([0.0, 0.25, 0.75, 1.0]) * (thin - thick)
    return tubes(paths, np.broadcast_to(radii * (0.94, 1.04, 1.0, 1.0), (len(a), 4)), 8)


def _arms(joints: Joints, looks: Looks) -> list[Mesh]:
    thick = 0.058 if looks.dress == "coat" else 0.052
    shoulders = np.stack([offset(joints.neck, side * 0.168, -0.02, -0.1) for side in (-1.0, 1.0)])
    round_ones = [ellipsoid(at, (0.06, 0.06, 0.06), 8, 5) for at in shoulders]
    upper = _limbs(shoulders, joints.elbows, thick, 0.045)
    lower = _limbs(joints.elbows, joints.hands, 0.045, 0.033)
    return [m.shaded(UPPER) for arm in zip(round_ones, upper, lower, strict=True) for m in arm]


def _thighs(joints: Joints, looks: Looks) -> list[Mesh]:
    hips = joints.pelvis + np.array([(-0.09, 0, -0.02), (0.09, 0, -0.02)])
    return [m.shaded(LOWER) for m in _limbs(hips, joints.knees, 0.09 * looks.girth, 0.062)]


def _lower_legs(joints: Joints, girth: float) -> list[Mesh]:
    return _limbs(joints.knees, joints.ankles, 0.062 * girth, 0.043)


def _shoe(ankle: Floats) -> Mesh:
    return ellipsoid(offset(ankle, 0, 0.06, -0.02), (0.045, 0.135, 0.05), 8, 5).shaded(SHOE)


def _head(joints: Joints) -> Mesh:
    up = joints.neck
    neck = tube(np.stack([offset(up, z=-0.04), offset(up, 0, 0.02, 0.09)]), (0.055, 0.05), 8)
    face = ellipsoid(offset(up, 0, 0.035, 0.17), (0.078, 0.1, 0.125), 12, 8)
    nose = ellipsoid(offset(up, 0, 0.132, 0.155), (0.014, 0.02, 0.025), 6, 4)
    return merged([neck, face, nose])


def _hair(joints: Joints, looks: Looks) -> list[Mesh]:
    up = joints.neck
    crown = ellipsoid(offset(up, 0, 0.008, 0.205), (0.088, 0.105, 0.11), 12, 8).shaded(HAIR)
    if looks.hair == "cap":
        brim = ellipsoid(offset(up, 0, 0.13, 0.225), (0.07, 0.08, 0.012), 8, 5).shaded(BAG)
        return [crown.shaded(BAG), brim]
    if looks.hair == "long":
        fall = ellipsoid(offset(up, 0, -0.05, 0.1), (0.085, 0.06, 0.18), 10, 7).shaded(HAIR)
        return [crown, fall]
    return [crown]


def _bag(joints: Joints, looks: Looks) -> list[Mesh]:
    if looks.bag == "backpack":
        middle = joints.pelvis + 0.55 * (joints.neck - joints.pelvis) + (0, -0.2, 0)
        return [ellipsoid(middle, (0.16, 0.11, 0.24), 10, 7).shaded(BAG)]
    if looks.bag == "handbag":
        at = joints.hands[1]
        strap = tube(np.stack([at, at - (0, 0, 0.22)]), (0.012, 0.012), 5).shaded(BAG)
        return [ellipsoid(at - (0, 0, 0.32), (0.06, 0.17, 0.13), 8, 6).shaded(BAG), strap]
    return []
