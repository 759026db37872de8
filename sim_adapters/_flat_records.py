"""Large JSON files that are one list of flat records, all of them parsed, piece by piece.

Where no record holds an object, every "}" ends one, so a piece is cut there and parsed as a whole.
`_json_records` takes half as long again for such a table and keeps the place of every row; it is
for records of any depth, in lists that are part of a document, of which one is read at a time.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.sim_adapters._documents import parse_json
from parhelion.sim_adapters._files_inside import file_inside

T = TypeVar("T")

PIECE_BYTES = 1 << 23


def flat_records(root: Path, name: str, wanted: TypeAdapter[list[T]]) -> Iterator[T]:
    """The records of a list of objects that hold no objects, each as `wanted` describes it.

    The file may be larger than memory: some tables reach gigabytes. Raises BadFrame, perhaps after
    some records were told.
    """
    rest = b""
    path = file_inside(root, root, name)
    try:
        with open(path, "rb") as file:
            while piece := file.read(PIECE_BYTES):
                rest += piece
                end = rest.rfind(b"}") + 1
                if end == 0 and len(rest) >= PIECE_BYTES:
                    break
                yield from _parsed(rest[:end], wanted, name)
                # A list goes on with a comma; its opening is kept, so that it is asked for once.
                rest = rest[end:] if end == 0 else b"[" + rest[end:].lstrip().removeprefix(b",")
    except OSError as error:
        sentence = f"{name}: wanted a readable file, got {error.strerror}"
        raise BadFrame(Reason.BAD_METADATA, sentence) from error
    if b"".join(rest.split()) != b"[]":
        got = f"{rest[:60]!r} at its end"
        raise BadFrame(Reason.BAD_METADATA, f"{name}: wanted one list of records, got {got}")


def _parsed(piece: bytes, wanted: TypeAdapter[list[T]], name: str) -> list[T]:
    return parse_json(piece + b"]", wanted, name) if piece else []
