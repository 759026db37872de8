"""A dataset of Hugging Face `datasets` on this disk, without `datasets` and without the network.

    saved/dataset_dict.json              saved by `save_to_disk`: a folder per split
    saved/train/state.json               names the files that count
    saved/train/data-00000-of-00002.arrow
    builder/data/train-00000-of-00001.parquet       or Parquet, as on the hub
    builder/train/metadata.csv, *.png               or a folder of pictures (ImageFolder)

Columns are named in the settings, as those of `parquet` and `folder` are. Numbers of a ClassLabel
become the names that the dataset gives them; those of the label column are its vocabulary. Loading
scripts are never run: a dataset that needs one must be saved first.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any, ClassVar

import pyarrow.parquet as pq
from pydantic import BaseModel, Field, TypeAdapter

from parhelion.pipeline.bad_frame import BadFrame, Reason
from parhelion.pipeline.contracts import FrameRef, PartConfig
from parhelion.pipeline.frame import Frame
from parhelion.sim_adapters import _documents as documents
from parhelion.sim_adapters._about import About
from parhelion.sim_adapters._arrow_streams import ArrowRows
from parhelion.sim_adapters._files_inside import file_inside
from parhelion.sim_adapters._grouping import group_in
from parhelion.sim_adapters._hugging_face_features import (
    Features,
    as_columns,
    class_names,
    features_of,
    named,
)
from parhelion.sim_adapters._image_files import IMAGE_SUFFIXES
from parhelion.sim_adapters._listing import NOT_LISTED, walk
from parhelion.sim_adapters._recorded_frame import GIVES, about_recorded, first_text
from parhelion.sim_adapters.folder import METADATA_NAMES, Folder, FolderConfig
from parhelion.sim_adapters.parquet import Entry, ParquetConfig, ParquetImages

NAME = "hf_datasets"  # in the provenance, whatever reads the frames
STATE = "state.json"
PASSING = ("cache-", "tmp", ".")  # names of files that `datasets` leaves beside a saved table


class DataFile(BaseModel):
    filename: str


class SavedState(BaseModel):
    """What is read of state.json."""

    data_files: list[DataFile] = Field(alias="_data_files")


SAVED_STATE = TypeAdapter(SavedState)


class HfDatasetsConfig(ParquetConfig):
    """Where the dataset lies, and what its columns are called."""

    file_name_column: str = "file_name"  # of the metadata of a folder of pictures


class HfDatasets:
    """Frames of a dataset in any of the three forms."""

    VERSION: ClassVar[str] = "1"
    Config: ClassVar[type[PartConfig]] = HfDatasetsConfig
    gives: ClassVar[frozenset[str]] = GIVES | {"stencil_native"}
    about: ClassVar[About] = about_recorded("A dataset of Hugging Face `datasets` on disk")

    def __init__(self, config: HfDatasetsConfig) -> None:
        self.config = config
        self.dropped: Counter[str] = Counter()

    def index(self) -> Sequence[FrameRef]:
        """All rows or files. Raises FileNotFoundError where nothing of the kind is there."""
        return self._inner.index()

    def read(self, ref: FrameRef) -> Frame:
        """One frame. Raises BadFrame."""
        return self._inner.read(ref)

    @cached_property
    def _inner(self) -> ParquetImages | Folder:
        """The reader of what lies there, under our name."""
        form = self._form()
        if form is Folder:
            shared = FolderConfig.model_fields
            told = {k: v for k, v in self.config.model_dump().items() if k in shared}
            made: ParquetImages | Folder = Folder(FolderConfig(**told), NAME)
        else:
            made = form(self.config, NAME)
        made.dropped = self.dropped  # one count, ours
        return made

    def _form(self) -> type[Any]:
        path, there = self.config.path, set[str]()
        try:
            for name in walk(path):
                there.add(Path(name).suffix.lower())
                if Path(name).name in METADATA_NAMES:
                    there.add("metadata")
                if ".arrow" in there:
                    return SavedTables
        except BadFrame:
            return SavedTables  # it meets the same folder and tells of it
        if ".parquet" in there or path.is_file():
            return NamedParquet
        if there & {"metadata", *IMAGE_SUFFIXES}:
            return Folder
        wanted = "a saved dataset, Parquet files or a folder of pictures"
        script = ", a loading script is never run" if ".py" in there else ""
        raise FileNotFoundError(f"hf_datasets: wanted {wanted} at {path}, found none{script}")


class NamedParquet(ParquetImages):
    """Parquet whose class numbers are replaced by their names."""

    def _features(self, file: Path) -> Features:
        """What its schema says of its columns. Raises BadFrame."""
        if file not in self._known:
            self._known[file] = features_of(self._metadata(file), file.name)
        return self._known[file]

    @cached_property
    def _known(self) -> dict[Path, Features]:
        return {}

    def _metadata(self, file: Path) -> Mapping[bytes, bytes] | None:
        told: Mapping[bytes, bytes] | None = pq.read_schema(file).metadata
        return told

    def _settings_of(self, file: Path) -> ParquetConfig:
        """The names of the label column are its vocabulary, where the settings name no other."""
        names = class_names(self._features(file).get(self.config.columns.label))
        if self.config.label_names or not names:
            return self.config
        return self.config.model_copy(update={"label_names": names})

    def _foreign_frame(self, ref: FrameRef, entry: Entry, row: dict[str, Any]) -> Frame:
        features, objects = self._features(entry.file), self.config.columns.objects
        told = {column: named(v, features.get(column), column) for column, v in row.items()}
        if objects in told:
            told[objects] = as_columns(told[objects])
        return super()._foreign_frame(ref, entry, told)


class SavedTables(NamedParquet):
    """Arrow stream files, as `save_to_disk` and the cache of `datasets` have them."""

    @cached_property
    def _root(self) -> Path:
        return self.config.path

    @cached_property
    def _entries(self) -> dict[str, Entry]:
        found: dict[str, Entry] = {}
        for name, state, problem in self._stated():
            if problem is None:
                for entry in self._file_entries(self._root / name, name):
                    found[f"{name}#{entry.number}"] = entry
            else:
                file = self._root / state
                found[name] = Entry(file=file, number=0, group_id=state, problem=problem)
        return found

    def _stated(self) -> Iterator[tuple[str, str, BadFrame | None]]:
        """Stream files in order, the file that tells of each, and what is wrong already."""
        try:
            yield from self._listed()
        except BadFrame as error:
            yield NOT_LISTED, "", error

    def _listed(self) -> Iterator[tuple[str, str, BadFrame | None]]:
        for folder, names in groupby(walk(self._root), lambda name: name.rpartition("/")[0]):
            there = [name.rpartition("/")[2] for name in names]
            tables = [n for n in there if n.endswith(".arrow") and not n.startswith(PASSING)]
            place = f"{folder}/" if folder else ""
            if STATE in there:
                try:
                    tables = self._saved(f"{place}{STATE}")
                except BadFrame as error:
                    yield f"{place}{STATE}", f"{place}{STATE}", error
            for table in tables:
                missing = f"{place}{STATE}: wanted {table!r:.80} beside it, it is not there"
                problem = BadFrame(Reason.MISSING_FILE, missing)
                yield f"{place}{table}", f"{place}{STATE}", None if table in there else problem

    def _saved(self, name: str) -> list[str]:
        told = documents.parse_json(documents.read_document(self._root, name), SAVED_STATE, name)
        return [file.filename for file in told.data_files]

    def _file_entries(self, file: Path, name: str) -> Iterator[Entry]:
        try:
            file_inside(self._root, self._root, name)
            rows = ArrowRows(file, name)
            if self.config.image_column not in rows.names:
                got = ", ".join(rows.names[:12])
                wanted = f"a column {self.config.image_column!r} of images (image_column)"
                raise BadFrame(Reason.BAD_METADATA, f"{name}: wanted {wanted} among {got:.200}")
            groups = self._row_groups(rows, name)
        except BadFrame as error:
            yield Entry(file=file, number=0, group_id=name, problem=error)
        else:
            for number, group in enumerate(groups):
                yield Entry(file=file, number=number, group_id=f"{self.dataset}/{group}")

    def _row_groups(self, rows: ArrowRows, name: str) -> list[str]:
        """What each row's columns say, else what the pattern finds in its path, else its file."""
        columns = self.config.columns.group
        cells = rows.cells(frozenset(columns))
        pattern = self.config.group_pattern
        paths = rows.paths(self.config.image_column) if pattern else [""] * len(cells)
        return [
            first_text(row, columns) or group_in(path, pattern) or name
            for row, path in zip(cells, paths, strict=True)
        ]

    def _rows_of(self, file: Path) -> ArrowRows:
        return ArrowRows(file, file.name, self._wanted)

    @cached_property
    def _wanted(self) -> frozenset[str]:
        """All columns that are read; types that nobody foresaw lie in others."""
        columns = self.config.columns
        layers = self.config.layer_columns.model_dump().values()
        single = (columns.twin_id, columns.label, columns.objects)
        named_ones = (*columns.sky, *columns.group, *columns.intrinsics, *single)
        return frozenset((self.config.image_column, *layers, *named_ones))

    def _metadata(self, file: Path) -> Mapping[bytes, bytes] | None:
        return ArrowRows(file, file.name).metadata


PART = HfDatasets
