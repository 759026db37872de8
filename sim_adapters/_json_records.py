"""Where each record of a JSON list too large to hold lies in its file, found block by block.

Annotation files of whole datasets reach a gigabyte. Only brackets outside strings are looked at
here, so memory is that of one block; each record is then parsed alone, when it is wanted, and a
broken one breaks nothing but itself. Tables of flat records that are parsed whole, once, go through
`_flat_records`, which is faster.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.sim_adapters._files_inside import file_inside

Span = tuple[int, int]  # first byte, and the first after

BLOCK_BYTES = 1 << 22
MOST_RECORDS = 5_000_000
MOST_RECORD_BYTES = 1 << 26
KEY_BYTES = 96  # before a list, where its key is looked for
QUOTE, BACKSLASH, OPEN, CLOSE = 34, 92, 123, 125
LOWER = 32  # this bit makes a "[" a "{" and a "]" a "}"
DEEPEST = 3  # {"frames": [{: records lie no deeper

Places = NDArray[np.int64]  # of brackets, bytes from the start
Levels = NDArray[np.int8]  # of brackets: +n opens level n, -n closes it


def record_spans(root: Path, name: str, key: str) -> list[Span]:
    """Spans of the objects in a list that is the whole document, or stands under its `key`.

    Raises BadFrame for a file that is no such document.
    """
    path = file_inside(root, root, name)
    try:
        places, levels = _brackets(path, name)
        if len(levels) == 0 or levels[-1] != -1 or (np.abs(levels) == 1).sum() != 2:
            raise _bad(name, "one whole JSON document", "brackets that do not close")
        places, levels, depth = _list(path, name, key, places, levels)
    except OSError as error:
        raise _bad(name, "a readable file", str(error.strerror)) from error
    starts, ends = places[levels == depth + 1], places[levels == -(depth + 1)] + 1
    return list(zip(starts.tolist(), ends.tolist(), strict=True))


def records_at(root: Path, name: str, spans: Iterable[Span]) -> Iterator[bytes]:
    """The bytes of each record. Raises BadFrame for one that is larger than any should be."""
    path = file_inside(root, root, name)
    try:
        with path.open("rb") as file:
            for start, end in spans:
                if end - start > MOST_RECORD_BYTES:
                    wanted = f"records of at most {MOST_RECORD_BYTES:,} bytes"
                    raise _bad(name, wanted, f"{end - start:,} at byte {start}")
                file.seek(start)
                yield file.read(end - start)
    except OSError as error:
        raise _bad(name, "a readable file", str(error.strerror)) from error


def _list(
    path: Path, name: str, key: str, places: Places, levels: Levels
) -> tuple[Places, Levels, int]:
    """The brackets from the list's own on, and its depth: 1 for a bare list, 2 under a key."""
    with path.open("rb") as file:
        file.seek(places[0])
        if file.read(1) == b"[":
            return places, levels, 1
        for i in np.flatnonzero(levels == 2):
            before = max(int(places[i]) - KEY_BYTES, 0)
            file.seek(before)
            text = file.read(int(places[i]) - before + 1)
            if re.search(rb'"%s"\s*:\s*\[$' % re.escape(key.encode()), text):
                end = i + 2 + int(np.argmax(levels[i + 1 :] == -2))
                return places[i:end], levels[i:end], 2
    raise _bad(name, f"a list of records, alone or under {key!r}", "neither")


def _brackets(path: Path, name: str) -> tuple[Places, Levels]:
    """Brackets outside strings, as deep as records lie."""
    places, levels = [np.empty(0, np.int64)], [np.empty(0, np.int8)]
    at = depth = inside = slashes = found = 0
    with path.open("rb") as file:
        while data := file.read(BLOCK_BYTES):
            block = np.frombuffer(data, np.uint8)
            quotes, slashes = _quotes(block, slashes)
            folded = block | LOWER
            here = np.flatnonzero((folded == OPEN) | (folded == CLOSE))
            here = here[(np.searchsorted(quotes, here) + inside) % 2 == 0]
            steps = np.where(folded[here] == OPEN, 1, -1)
            depths = depth + np.cumsum(steps)
            signed = np.where(steps > 0, depths, -(depths + 1))
            shallow = np.abs(signed) <= DEEPEST
            places.append(here[shallow] + at)
            levels.append(signed[shallow].astype(np.int8))
            found += len(places[-1])
            if found > 2 * DEEPEST * MOST_RECORDS:
                raise _bad(name, f"at most {MOST_RECORDS:,} records", "more")
            depth = int(depths[-1]) if len(depths) else depth
            inside = (inside + len(quotes)) % 2
            at += len(data)
    return np.concatenate(places), np.concatenate(levels)


def _quotes(block: NDArray[np.uint8], carried: int) -> tuple[NDArray[np.intp], int]:
    """Where quotes stand that no backslash escapes, and whether an odd run ends the block."""
    quotes = np.flatnonzero(block == QUOTE)
    slashes = np.flatnonzero(block == BACKSLASH)
    escaped = [0] if carried and block[0] != BACKSLASH else []
    if len(slashes) == 0:
        return quotes[~np.isin(quotes, escaped)] if escaped else quotes, 0
    breaks = np.flatnonzero(np.diff(slashes) != 1) + 1
    starts, stops = np.append(0, breaks), np.append(breaks, len(slashes))
    lengths = stops - starts
    if slashes[0] == 0:
        lengths[0] += carried
    after = slashes[stops - 1][lengths % 2 == 1] + 1
    odd_end = len(after) > 0 and after[-1] == len(block)
    return quotes[~np.isin(quotes, np.append(after, escaped))], int(odd_end)


def _bad(name: str, wanted: str, got: str) -> BadFrame:
    return BadFrame(Reason.BAD_METADATA, f"{name}: wanted {wanted}, got {got}")
