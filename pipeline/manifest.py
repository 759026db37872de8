"""The manifest: written last, so a dataset that has one is complete; every file by its hash."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from parhelion.pipeline.files import model_from, sha256_of, size_of

MANIFEST = "manifest.json"


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FileEntry(_Entry):
    """One file of the dataset."""

    file: str  # relative to the dataset's folder
    sha256: str
    bytes: int

    @classmethod
    def of(cls, folder: Path, file: str) -> "FileEntry":
        """The entry of a file that is there."""
        return cls(file=file, sha256=sha256_of(folder / file), bytes=size_of(folder / file))


class ShardEntry(FileEntry):
    """One Parquet file of a split."""

    rows: int


class SplitEntry(_Entry):
    """One split."""

    rows: int
    groups: int
    shards: tuple[ShardEntry, ...]


class Manifest(_Entry):
    """What a dataset consists of and what it was made from. No clock, no path, no worker."""

    schema_version: str
    name: str
    config_digest: str
    versions: dict[str, str]  # of the packages that touched its bytes
    splits: dict[str, SplitEntry]
    files: tuple[FileEntry, ...]  # beside the shards
    made_of: str  # digest of the chunks that wrote the shards and of what the other files say

    @property
    def rows(self) -> int:
        """Frames in all splits."""
        return sum(split.rows for split in self.splits.values())

    @property
    def shards(self) -> list[ShardEntry]:
        """All shards, split by split."""
        return [shard for split in self.splits.values() for shard in split.shards]

    @property
    def entries(self) -> list[FileEntry]:
        """Every file that it vouches for."""
        return [*self.shards, *self.files]


def read_manifest(dataset: Path) -> Manifest | None:
    """The manifest of a dataset; None where it is missing: the dataset is not complete."""
    manifest = model_from(dataset / MANIFEST, Manifest)
    return manifest if isinstance(manifest, Manifest) else None


def verify(dataset: Path) -> list[str]:
    """What is wrong with a dataset's files, one sentence each; nothing where all are whole."""
    manifest = read_manifest(dataset)
    if manifest is None:
        return [f"{MANIFEST}: missing or unreadable; the dataset is not complete"]
    checked = (_wrong(dataset, entry) for entry in manifest.entries)
    return [sentence for sentence in checked if sentence is not None]


def _wrong(dataset: Path, entry: FileEntry) -> str | None:
    path = dataset / entry.file
    if not path.is_file():
        return f"{entry.file}: missing"
    if (size := size_of(path)) != entry.bytes:
        return f"{entry.file}: wanted {entry.bytes} bytes, got {size}"
    if (sha256 := sha256_of(path)) != entry.sha256:
        return f"{entry.file}: wanted sha256 {entry.sha256[:12]}..., got {sha256[:12]}..."
    return None
