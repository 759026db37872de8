"""Values of GTAVisionExport's database as PostgreSQL and PostGIS write them.

point    010100008000...      hex EWKB, or POINT Z (1 2 3), {1,2,3}, [1, 2, 3]
box      (0.6,0.9),(0.5,0.8)  (x max, y max), (x min, y min)
box3d    BOX3D(-1 -2 -0.5,1 2 1.5)
matrix   {{1,0,0,0},{...}}
"""

import re
import struct

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.sim_adapters._gtav_snapshot import Corners, Entity, Matrix, Point, Sizes
from parhelion.sim_adapters._gtav_tables import Record

NUMBER = re.compile(
    r"[-+]?(?:\d+(?:\.\d*)?(?:e[-+]?\d+)?|\.\d+(?:e[-+]?\d+)?|inf(?:inity)?|nan)", re.I | re.ASCII
)
HEX = re.compile(r"[0-9a-f]{2,512}", re.I)
POINT = 1  # a kind of geometry
HAS_Z, HAS_M, HAS_SRID = 0x80000000, 0x40000000, 0x20000000
ISO_Z = 1001  # a point with z, as the ISO numbers it


def numbers_in(text: str, wanted: int, name: str) -> tuple[float, ...]:
    """The numbers of a text, brackets and words left out. Raises BadFrame if there are others."""
    text = text[max(text.find("("), 0) :] if text[:1].isalpha() else text  # BOX3D( has a 3
    found = tuple(float(number) for number in NUMBER.findall(text))
    if len(found) != wanted:
        sentence = f"{name}: wanted {wanted} numbers, got {text!r:.80}"
        raise BadFrame(Reason.BAD_METADATA, sentence)
    return found


def point_of(text: str, name: str) -> Point | None:
    """A place; None where it is null. Raises BadFrame."""
    if not text:
        return None
    if HEX.fullmatch(text) and text[:2] in ("00", "01"):
        return _ewkb(bytes.fromhex(text) if len(text) % 2 == 0 else b"", name)
    x, y, z = numbers_in(text, 3, name)
    return x, y, z


def corners_of(text: str, name: str) -> Corners | None:
    """A box of the picture; None where it is null. Raises BadFrame."""
    if not text:
        return None
    xa, ya, xb, yb = numbers_in(text, 4, name)
    return (xa, ya), (xb, yb)


def sizes_of(text: str, name: str) -> Sizes | None:
    """A box of a model; None where it is null. Raises BadFrame."""
    if not text:
        return None
    xa, ya, za, xb, yb, zb = numbers_in(text, 6, name)
    return xa, xb, ya, yb, za, zb


def matrix_of(text: str, name: str) -> Matrix | None:
    """A matrix (4, 4), row by row; None where it is null. Raises BadFrame."""
    if not text:
        return None
    n = numbers_in(text, 16, name)
    rows = [(n[i], n[i + 1], n[i + 2], n[i + 3]) for i in (0, 4, 8, 12)]
    return rows[0], rows[1], rows[2], rows[3]


def entity_of(row: Record, name: str) -> Entity:
    """A row of detections. Raises BadFrame."""
    return Entity.model_validate(
        {
            "type": row.get("type", ""),
            "class": row.get("class") or "Unknown",
            "pos": point_of(row.get("pos", ""), name),
            "rot": point_of(row.get("rot", ""), name),
            "model_sizes": sizes_of(row.get("bbox3d", ""), name),
            "bbox": corners_of(row.get("bbox", ""), name),
            "best_bbox": corners_of(row.get("best_bbox", ""), name),
        }
    )


def _ewkb(data: bytes, name: str) -> Point:
    """A point in the extended well-known binary of PostGIS."""
    try:
        order = "<" if data[0] else ">"
        (kind,) = struct.unpack_from(f"{order}I", data, 1)
        start = 9 if kind & HAS_SRID else 5
        plain = kind & ~(HAS_Z | HAS_M | HAS_SRID)
        if plain not in (POINT, ISO_Z) or not (kind & HAS_Z or plain == ISO_Z):
            raise ValueError("another geometry than a point with z")
        x, y, z = struct.unpack_from(f"{order}3d", data, start)
    except (ValueError, IndexError, struct.error) as error:
        sentence = f"{name}: wanted a point of three numbers in EWKB, got {error}"
        raise BadFrame(Reason.BAD_METADATA, sentence) from error
    return x, y, z
