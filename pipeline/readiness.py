"""What can be known to fail before a run does any work, said in one sentence each."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from parhelion.pipeline import parts
from parhelion.pipeline.bias import Census
from parhelion.pipeline.contracts import FrameKey, FrameRef
from parhelion.pipeline.features import INCEPTION, inception_path
from parhelion.pipeline.plan import make_plan
from parhelion.pipeline.plan_requests import NoParent
from parhelion.pipeline.pretrained import MOBILENET, mobilenet_lacks
from parhelion.pipeline.run_config import Role, RunConfig
from parhelion.pipeline.splits import split_of

Indexes = Sequence[Sequence[FrameRef]]  # of the run's sources, in their order


class NotReady(RuntimeError):
    """Something that the run needs is not on this machine; said before any work starts."""


def check_ready(config: RunConfig) -> None:
    """Asks every part of the run. Raises NotReady with a sentence for each that is not ready."""
    made = [parts.build("generators", d.generator, **d.settings) for d in config.generators]
    lacking = [sentence for generator in made if (sentence := generator.unready())]
    lacking += [*_absent_devices(config), *_absent_weights(config)]
    indexes, unread = _indexes(config)
    lacking += unread
    lacking += _shared_groups(config, indexes)
    if lacking:
        raise NotReady("; ".join(lacking))


def indexes_of(config: RunConfig) -> Indexes:
    """What the sources hold now. Raises NotReady where one cannot be looked into."""
    indexes, unread = _indexes(config)
    if unread:
        raise NotReady("; ".join(unread))
    return indexes


def check_parents(config: RunConfig, census: Census, sources: Sequence[FrameKey]) -> None:
    """Whether there is a frame to draw from, if any is missing. Raises NoParent.

    Asked as soon as the frames are read: fitting may take hours, and would be for nothing.
    """
    missing = make_plan(census, config.plan).missing
    if not missing or any(config.plan.parents.fits(key) for key in sources):
        return
    rule = config.plan.parents
    there = sorted({f"{key.conditions.cell} ({key.kind}, {key.split})" for key in sources})
    raise NoParent(
        f"{missing} frames are missing, but no frame of the role source may be redrawn: "
        f"plan.parents wants skies {', '.join(rule.skies)}, times {', '.join(rule.times)}, "
        f"kinds {', '.join(rule.kinds)} and splits {', '.join(rule.splits)}; got "
        f"{', '.join(there) or 'no frame at all'}: widen plan.parents or give other frames"
    )


def _indexes(config: RunConfig) -> tuple[list[list[FrameRef]], list[str]]:
    """The index of every source, empty for those that cannot be looked into, and why not."""
    indexes: list[list[FrameRef]] = []
    unread: list[str] = []
    for position, source in enumerate(config.sources):
        try:
            adapter = parts.build("sim_adapters", source.adapter, **source.settings)
            indexes.append(list(adapter.index()))
        except OSError as error:
            indexes.append([])
            unread.append(f"sources.{position} ({source.adapter}): {error}")
    return indexes, unread


def _absent_devices(config: RunConfig) -> list[str]:
    """A sentence for each setting that asks for a GPU that is not there."""
    asking = list(_paths_to("device", "cuda", config.model_dump(mode="json"), ""))
    if not asking:
        return []
    import torch  # late: only a run that asks for a GPU waits for it

    if torch.cuda.is_available():
        return []
    return [f"{path}: cuda was asked for, but torch sees none; use auto or cpu" for path in asking]


def _absent_weights(config: RunConfig) -> list[str]:
    """A sentence where a network that scores ask for by name has no weights.

    With "auto" a run without any goes on, and its report says why frames were not compared.
    """
    network = "auto" if config.scores is None else config.scores.network
    if network == INCEPTION and not inception_path().is_file():
        return [f"scores.network: {network} wants weights at {inception_path()}"]
    if network == MOBILENET and (lacks := mobilenet_lacks()):
        return [f"scores.network: {lacks}"]
    return []


def _paths_to(key: str, value: str, tree: Any, path: str) -> Iterator[str]:
    """Dotted paths of all entries `key` with that value, in nested plain data."""
    if isinstance(tree, Mapping):
        if tree.get(key) == value:
            yield f"{path}{key}"
        branches = list(tree.items())
    elif isinstance(tree, list):
        branches = list(enumerate(tree))
    else:
        return
    for name, branch in branches:
        yield from _paths_to(key, value, branch, f"{path}{name}.")


def _shared_groups(config: RunConfig, indexes: Indexes) -> list[str]:
    """A sentence for each pair of roles with a common group; targets may be twins of sources."""
    groups: dict[Role, set[str]] = {role: set() for role in Role}
    for source, refs in zip(config.sources, indexes, strict=True):
        groups[source.role].update(ref.group_id for ref in refs)
    told = []
    for i, one in enumerate(Role):
        for other in list(Role)[i + 1 :]:
            common = sorted(groups[one] & groups[other])
            if (one, other) == (Role.SOURCE, Role.TARGET):
                told += _outside_training(config, common)
            elif common:
                told.append(
                    f"a group has one role, got {_some(common)} with both {one.value} and "
                    f"{other.value}"
                )
    return told


def _outside_training(config: RunConfig, twins: Sequence[str]) -> list[str]:
    """Targets are trained on, and so must be the source frames of their groups."""
    kept = [g for g in twins if split_of(g, config.seed, config.splits) != "train"]
    if not kept:
        return []
    return [
        f"a group of targets is trained on, but splits put the source frames of {_some(kept)} "
        "elsewhere: set splits.train to 1 or give targets of other groups"
    ]


def _some(groups: Sequence[str]) -> str:
    named = ", ".join(groups[:3])
    return named if len(groups) <= 3 else f"{named} and {len(groups) - 3} more"
