"""The dataset's card: a README that people read and the Hugging Face hub understands."""

from collections import Counter
from collections.abc import Mapping, Sequence

import yaml
from pydantic import BaseModel, ConfigDict, JsonValue

from parhelion.pipeline.compaction import PACKAGES, SplitPlan
from parhelion.pipeline.provenance import version_of
from parhelion.pipeline.quarantine import QuarantineRow
from parhelion.pipeline.schema import SCHEMA, SCHEMA_VERSION
from parhelion.pipeline.version import __version__


class About(BaseModel):
    """What a dataset says about itself; plain data without clock, path or worker."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    title: str = ""
    config: JsonValue = None  # the whole run config, into run.json
    config_digest: str = ""  # of all that the run depends on
    licences: dict[str, str] = {}  # of the sources, by dataset
    packages: tuple[str, ...] = PACKAGES  # those that touched its bytes

    @property
    def versions(self) -> dict[str, str]:
        """Installed versions of these packages, and of this project."""
        return {"parhelion": __version__} | {name: version_of(name) for name in self.packages}

    @property
    def description(self) -> str:
        """The dataset in a sentence."""
        return self.title or "Street frames with labels, written by Parhelion."


def card(about: About, plans: Mapping[str, SplitPlan], refused: Sequence[QuarantineRow]) -> str:
    """The card as Markdown with its YAML front matter."""
    written_with = ", ".join(f"{name} {version}" for name, version in about.versions.items())
    parts = [
        _front_matter(about, plans),
        f"# {about.name}\n\n{about.description}",
        _split_table(plans),
        _cell_table(plans),
        _label_table(plans),
        _refused_table(refused),
        _licence_list(about.licences),
        _reading(),
        f"Written with {written_with}.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _front_matter(about: About, plans: Mapping[str, SplitPlan]) -> str:
    files = [{"split": split, "path": f"data/{split}-*.parquet"} for split in plans]
    matter = {
        "pretty_name": about.name,
        "license": "other" if about.licences else "unknown",
        "task_categories": _tasks(plans),
        "tags": [
            "parhelion",
            *([] if _all_labelled(plans) else ["autonomous-driving"]),
            "synthetic",
        ],
        "configs": [{"config_name": "default", "data_files": files}],
    }
    return f"---\n{yaml.safe_dump(matter, sort_keys=False, allow_unicode=True)}---"


def _tasks(plans: Mapping[str, SplitPlan]) -> list[str]:
    """What the hub lists the dataset under."""
    street = ["image-segmentation", "object-detection", "depth-estimation"]
    labelled = any(plan.labels for plan in plans.values())
    classify = ["image-classification"] if labelled else []
    return classify if _all_labelled(plans) else [*street, *classify]


def _all_labelled(plans: Mapping[str, SplitPlan]) -> bool:
    """Whether every frame has a class of the whole image."""
    rows = sum(plan.rows for plan in plans.values())
    return bool(rows) and rows == sum(plan.labels.total() for plan in plans.values())


def _split_table(plans: Mapping[str, SplitPlan]) -> str:
    rows = [(split, plan.rows, len(plan.groups)) for split, plan in plans.items()]
    said = "A group is a scene or a sequence; all its frames are in one split."
    return f"## Splits\n\n{_table(('split', 'frames', 'groups'), rows)}\n\n{said}"


def _cell_table(plans: Mapping[str, SplitPlan]) -> str:
    counted = {split: plan.cells for split, plan in plans.items()}
    cells = sorted({cell for cells in counted.values() for cell in cells})
    rows = [(*cell, *(counted[split][cell] for split in plans)) for cell in cells]
    return f"## Conditions\n\n{_table(('weather/time of day', 'origin', *plans), rows)}"


def _label_table(plans: Mapping[str, SplitPlan]) -> str:
    """Frames by class of the whole image; nothing where no frame has one."""
    names = sorted({name for plan in plans.values() for name in plan.labels})
    rows = [(name, *(plan.labels[name] for plan in plans.values())) for name in names]
    return f"## Image classes\n\n{_table(('class', *plans), rows)}" if rows else ""


def _refused_table(refused: Sequence[QuarantineRow]) -> str:
    counted = Counter((row.stage, row.reason.value) for row in refused)
    rows = [(*key, count) for key, count in sorted(counted.items())]
    head = f"## Refused\n\n{len(refused)} frames were refused; `quarantine.parquet` says why."
    return f"{head}\n\n{_table(('stage', 'reason', 'frames'), rows)}" if rows else head


def _licence_list(licences: Mapping[str, str]) -> str:
    if not licences:
        return ""
    lines = [f"* {source}: {licence or 'not stated'}" for source, licence in licences.items()]
    return "## Licences of the sources\n\n" + "\n".join(sorted(lines))


def _reading() -> str:
    columns = ", ".join(f"`{name}`" for name in SCHEMA.names)
    return (
        "## Reading\n\n"
        '```python\nfrom datasets import load_dataset\n\nframes = load_dataset("parquet", '
        'data_files={"train": "data/train-*.parquet"})["train"]\n```\n\n'
        "`depth` is a float32 TIFF in metres (inf = sky, nan = unknown); `stencil` holds class ids "
        "(Cityscapes train ids 0-18, 255 = ignore); `instances` holds 16-bit ids, or places in "
        f"`instance_ids` where that is given.\n\nColumns (schema {SCHEMA_VERSION}): {columns}."
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(value) for value in line) + " |" for line in lines)


def _cell(value: object) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")
