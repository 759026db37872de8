"""Texts that strangers wrote: JSON against a stated type, XML without entities, tables by header.

Whatever is wrong becomes a BadFrame that names the file, what was wanted and what came.
"""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring
from pydantic import TypeAdapter, ValidationError

from parhelion.pipeline.bad_frame import BadFrame, Reason

T = TypeVar("T")

MOST_DOCUMENT_BYTES = 1 << 30  # annotation files of whole datasets reach some hundred megabytes


def parse_text(data: bytes, name: str) -> str:
    """UTF-8, with or without a byte order mark. Raises BadFrame."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _bad(name, "UTF-8 text", error) from error


def parse_json(data: bytes, wanted: TypeAdapter[T], name: str) -> T:
    """The JSON as `wanted` describes it; NaN and Infinity are numbers. Raises BadFrame."""
    try:
        return wanted.validate_json(parse_text(data, name))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"])) or "the document"
        got = f"at {where}: {first['msg']}"
        raise BadFrame(Reason.BAD_METADATA, f"{name}: wanted another JSON, got {got}") from error


def parse_xml(data: bytes, name: str) -> Element:
    """The root element; documents that define entities are refused. Raises BadFrame."""
    try:
        root: Element = fromstring(data, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError, RecursionError) as error:
        raise _bad(name, "XML without entities", error) from error
    return root


def parse_table(text: str, name: str, delimiter: str = ",") -> Iterator[dict[str, str]]:
    """Rows by the header's names; runs of blanks count as one. Raises BadFrame at a torn row."""
    rows = csv.reader(text.splitlines(), delimiter=delimiter, skipinitialspace=delimiter == " ")
    try:
        header = [cell.strip() for cell in next(rows, [])]
        for cells in rows:
            if cells and cells[-1] == "":
                cells.pop()
            if cells:
                yield dict(zip(header, cells, strict=True))
    except (csv.Error, ValueError) as error:
        raise _bad(f"{name}, line {rows.line_num}", f"columns {' '.join(header)}", error) from error


def read_document(root: Path, name: str) -> bytes:
    """A file of metadata that many frames share. Raises BadFrame."""
    from parhelion.sim_adapters._image_files import file_inside

    path = file_inside(root, root, name)
    try:
        size = path.stat().st_size
        if size > MOST_DOCUMENT_BYTES:
            wanted = f"at most {MOST_DOCUMENT_BYTES:,} bytes"
            raise BadFrame(Reason.BAD_METADATA, f"{name}: wanted {wanted}, got {size:,}")
        return path.read_bytes()
    except OSError as error:
        raise _bad(name, "a readable file", error) from error


def _bad(name: str, wanted: str, got: Exception) -> BadFrame:
    said = str(got).splitlines()[0] if str(got) else type(got).__name__
    return BadFrame(Reason.BAD_METADATA, f"{name}: wanted {wanted}, got {said}")
