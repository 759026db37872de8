"""GTA V captures with GTAVisionExport, in all the forms that its versions left behind.

    images/<run>.zip                        runs, members <game time in ms>.tiff
    info<i>.tiff  info.txt                  shots by key: five weathers, and a text with matrices
    <moment>.tiff                           one file a frame
    <moment>.tiff  <moment>-depth.tiff  <moment>-stencil.tiff
    <moment>.jpg   <moment>-depth.png   <moment>-stencil.png   <moment>.json
    <camera>/<scene>.jpg ...                the same, a folder for each camera; depth.tiff or .png
    color.raw  depth.raw  stencil.raw       dumps of the buffers, whose size is a setting
    snapshots.csv detections.csv snapshot_weathers.csv runs.csv, or a pg_dump as .sql

They may lie in any folders below the root, and beside one another. A TIFF of several pages holds
colours, depth and stencil; each colour page is a frame, and frames of one file are twins.

Traps, and what is done about them:
* Depth is reversed-Z by each frame's own matrix; a frame without any is read with the planes that
  the game has by default, and counted as such in `dropped`.
* Sky is where the stencil says so and the depth is infinite; its depth is +inf.
* In 16 bits a depth of 0 says that something is beyond some 4,958 m: nan, except for sky.
* The view matrix must stand where `camera_pos` says, else the frame is of two moments: refused.
* Boxes off the screen are infinite; see `_gtav_objects`. There are no instances.
* Groups are runs. Frames that only have dates are grouped into sessions by gaps in time; scenes of
  cameras in folders are all of one run, because each is a second after the last.
* With a database, a frame that it does not know is refused: nobody could tell its matrix.
"""

from collections.abc import Iterable
from functools import cached_property
from typing import Annotated, ClassVar

from pydantic import Field

from parhelion.pipeline.conditions import Conditions, Weather
from parhelion.pipeline.frame import Stencil
from parhelion.pipeline.provenance import Kind
from parhelion.pipeline.scene_class import LabelSpace
from parhelion.sim_adapters import _documents as documents
from parhelion.sim_adapters._about import About
from parhelion.sim_adapters._condition_words import conditions_in
from parhelion.sim_adapters._gtav_buffers import buffers_of
from parhelion.sim_adapters._gtav_camera import camera_of, planes_of
from parhelion.sim_adapters._gtav_database import Database
from parhelion.sim_adapters._gtav_depth import space_of
from parhelion.sim_adapters._gtav_listing import Listing, Shot
from parhelion.sim_adapters._gtav_notes import sections_of, snapshot_of
from parhelion.sim_adapters._gtav_objects import OBJECT_CLASSES, TYPES, VEHICLES, Scene
from parhelion.sim_adapters._gtav_snapshot import SNAPSHOT, Snapshot, hour_of
from parhelion.sim_adapters._gtav_stencil import BASES, LABEL_SPACE
from parhelion.sim_adapters._listing import walk
from parhelion.sim_adapters._recordings import Content, Entry, Recordings, RecordingsConfig
from parhelion.sim_adapters._source_files import SourceFiles

MANUAL = ("Clear", "Clouds", "Overcast", "Raining", "Christmas")  # pages of a shot by key

WEATHERS: dict[str, Weather] = {
    **{weather.value: weather for weather in Weather if weather is not Weather.UNKNOWN},
    # As the game itself calls them.
    "Rain": Weather.RAINING,
    "Thunder": Weather.THUNDER_STORM,
    "Snow": Weather.SNOWING,
    "Xmas": Weather.CHRISTMAS,
}

ABOUT = About(
    title="GTAVisionExport (GTA V)",
    kind=Kind.SIMULATED,
    licence="captures of a commercial game; the releases name no licence",
    units={
        "image": "JPEG, also inside of TIFF; alpha is dropped",
        "depth": "reversed-Z in float32, or in 16 bits cut off; metres by the frame's matrix",
        "stencil": "the game's byte: low three bits tell the class, the highest the player",
        "objects": "boxes as shares of the picture, x first; distance to the centre of the 3D box",
        "camera": "view and projection matrix, OpenGL axes",
    },
    classes={f"stencil {i}": c for i, c in BASES.items()} | VEHICLES | TYPES,
    label_space=LABEL_SPACE | OBJECT_CLASSES,
    weathers=WEATHERS,
    unverified=(
        "A stencil of 0 is road, building, prop and sign at once and becomes other.",
        "The stencils 5 and 6 are documented nowhere and are refused; 9 to 15 count by three bits.",
        "Which flag says that a surface is lit is unknown, so there is no emissive layer.",
        "An RGBA page in JPEG was read as Pillow writes it; no original capture was at hand.",
        "Whether data dumps of the database were published, and EWKB and BOX3D in them.",
        "How the text beside info<i>.tiff spells matrices; unknown lines are passed over.",
        f"Five colour pages without told weathers are taken for {', '.join(MANUAL)}.",
        "A 16-bit depth without sky in the picture is taken for reversed-Z, not for metres.",
        "Raw dumps are RGBA, float32 and uint8; dumps that Windows wrote as text are undone.",
        "The weather Halloween, and what Neutral looks like.",
    ),
)


def _label_space(stencil: Stencil | None, snapshot: Snapshot) -> LabelSpace:
    """The stencil knows vehicles only as such; entities also by their kind."""
    of_stencil = frozenset() if stencil is None else LABEL_SPACE
    return of_stencil if snapshot.entities is None else of_stencil | OBJECT_CLASSES


class GtavConfig(RecordingsConfig):
    """Where the captures lie."""

    # Dated frames with a longer pause between them belong to different groups, seconds.
    session_gap_s: Annotated[float, Field(gt=0)] = 60
    # Width and height of the screen, pixels, which a raw dump does not tell.
    raw_size: tuple[Annotated[int, Field(gt=0)], Annotated[int, Field(gt=0)]] | None = None


class Gtav(Recordings):
    """Frames of GTA V, captured with GTAVisionExport."""

    Config: ClassVar[type[GtavConfig]] = GtavConfig
    gives: ClassVar[frozenset[str]] = frozenset(
        {"stencil", "stencil_native", "depth", "objects", "camera"}
    )
    about: ClassVar[About] = ABOUT

    def entries(self) -> Iterable[Entry]:
        for i, problem in enumerate(self._database.problems):
            yield Entry(native_id=f"database problem {i}", group="database", problem=problem)
        config = self.config
        listing = Listing(
            self.root, self._names, self._database, config.session_gap_s, config.max_pixels
        )
        yield from listing.shots()

    def content(self, entry: Entry, files: SourceFiles) -> Content:
        assert isinstance(entry, Shot)
        name = entry.native_id
        snapshot = self._snapshot(entry, files)
        buffers = buffers_of(entry, files, self.config.raw_size).alike(name)
        height, width = buffers.image.shape[:2]
        planes, assumed = planes_of(snapshot, name)
        if assumed and buffers.depth is not None:
            self.dropped["matrices missing, the game's own planes assumed"] += 1
        depth, classes = space_of(buffers.depth, buffers.stencil, planes, name)
        camera = camera_of(snapshot, width, height, name)
        scene = Scene(camera, classes, width, height, name)
        return Content(
            image=buffers.image,
            conditions=self._conditions(entry, snapshot),
            stencil=classes,
            label_space=_label_space(classes, snapshot),
            stencil_native=buffers.stencil,
            depth=depth,
            objects=scene.objects_of(snapshot.entities or (), self.dropped),
            camera=camera,
        )

    @cached_property
    def _names(self) -> list[str]:
        return list(walk(self.root))

    @cached_property
    def _database(self) -> Database:
        return Database(self.root, self._names, self.dropped)

    def _snapshot(self, shot: Shot, files: SourceFiles) -> Snapshot:
        if "record" in files:
            return files.document("record", SNAPSHOT)
        if shot.place is not None:
            snapshot, records = self._database.snapshot_at(shot.place)
            files.count_in(records)
            return snapshot
        section = self._notes(files.names["notes"]).get(shot.stem, "") if "notes" in files else ""
        files.count_in(section)
        return snapshot_of(section, files.names.get("notes", ""))

    def _notes(self, name: str) -> dict[str, str]:
        """The sections of a text file, read once."""
        if name not in self._sections:
            text = documents.parse_text(documents.read_document(self.root, name), name)
            self._sections[name] = sections_of(text)
        return self._sections[name]

    @cached_property
    def _sections(self) -> dict[str, dict[str, str]]:
        return {}

    def _conditions(self, shot: Shot, snapshot: Snapshot) -> Conditions:
        clock = snapshot.timeofday or ""
        weather = _weather(shot, snapshot)
        return conditions_in(
            self.about,
            weather,
            native="; ".join(word for word in (weather, clock) if word),
            hour=hour_of(clock, shot.native_id) if clock else None,
        )


def _weather(shot: Shot, snapshot: Snapshot) -> str:
    """What its page was captured under; empty where nothing tells it."""
    if shot.page < len(snapshot.weathers) and snapshot.weathers[shot.page]:
        return snapshot.weathers[shot.page]
    if shot.pages == 1:
        return snapshot.currentweather or ""
    return MANUAL[shot.page] if shot.pages == len(MANUAL) and not snapshot.weathers else ""


PART = Gtav
