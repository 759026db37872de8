"""Texts that strangers wrote: JSON and YAML against a stated type, XML without entities, tables.

Whatever is wrong becomes a BadFrame that names the file, what was wanted and what came.
"""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar
from xml.etree.ElementTree import Element, ParseError

import yaml
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring
from pydantic import TypeAdapter, ValidationError

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.sim_adapters._files_inside import file_inside

T = TypeVar("T")

MOST_DOCUMENT_BYTES = 1 << 30  # annotation files of whole datasets reach some hundred megabytes
MOST_YAML_BYTES = 1 << 18  # settings, not data; they are read slowly


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
        raise _another(name, "JSON", error) from error


def parse_yaml(data: bytes, wanted: TypeAdapter[T], name: str) -> T:
    """The YAML as `wanted` describes it. Raises BadFrame.

    Every scalar comes as text, which pydantic turns into numbers where numbers are wanted: a class
    called `no` stays a word, and no tag builds anything.
    """
    if len(data) > MOST_YAML_BYTES:
        got = f"{len(data):,}"
        sentence = f"{name}: wanted YAML of at most {MOST_YAML_BYTES:,} bytes, got {got}"
        raise BadFrame(Reason.BAD_METADATA, sentence)
    try:
        return wanted.validate_python(yaml.BaseLoader(parse_text(data, name)).get_single_data())
    except ValidationError as error:
        raise _another(name, "YAML", error) from error
    except (yaml.YAMLError, RecursionError, ValueError, OverflowError) as error:
        raise _bad(name, "YAML", error) from error


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
    header: list[str] = []
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
    path = file_inside(root, root, name)
    try:
        size = path.stat().st_size
        if size > MOST_DOCUMENT_BYTES:
            wanted = f"at most {MOST_DOCUMENT_BYTES:,} bytes"
            raise BadFrame(Reason.BAD_METADATA, f"{name}: wanted {wanted}, got {size:,}")
        return path.read_bytes()
    except OSError as error:
        raise _bad(name, "a readable file", error) from error


def _another(name: str, kind: str, error: ValidationError) -> BadFrame:
    first = error.errors(include_url=False, include_context=False)[0]
    where = ".".join(map(str, first["loc"])) or "the document"
    got = f"at {where}: {first['msg']}"
    return BadFrame(Reason.BAD_METADATA, f"{name}: wanted another {kind}, got {got}")


def _bad(name: str, wanted: str, got: Exception) -> BadFrame:
    said = str(got).splitlines()[0] if str(got) else type(got).__name__
    return BadFrame(Reason.BAD_METADATA, f"{name}: wanted {wanted}, got {said}")
