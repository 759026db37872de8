"""How a generated frame descends from its request: id, labels, group, parent and its step."""

from collections.abc import Mapping

import numpy as np

from parhelion.pipeline.conditions import Conditions
from parhelion.pipeline.contracts import CannotHonour, PartConfig, Request
from parhelion.pipeline.frame import LAYERS, Annotation, Frame, Image
from parhelion.pipeline.provenance import Kind, Numerics, Provenance, Source, Step
from parhelion.pipeline.seeds import canonical_json, digest
from parhelion.pipeline.version import __version__


def require_layers(name: str, y: Annotation | None, needs: frozenset[str]) -> Annotation:
    """`y`, if it has all layers that generator `name` needs. Raises CannotHonour, naming them."""
    missing = sorted(needs - (y.layers if y is not None else frozenset()))
    if y is None or missing:
        lacks = ", ".join(missing) or "annotation"
        raise CannotHonour(f"{name} needs the layers {sorted(needs)}; the request lacks {lacks}")
    return y


def generator_step(
    name: str,
    version: str,
    config: PartConfig,
    *,
    checkpoint_sha256: str = "",
    drawn: Mapping[str, float] | None = None,
) -> Step:
    """The provenance step of a generator that drew the parameters `drawn`."""
    return Step(
        part=name,
        version=version,
        config_digest=digest(config),
        checkpoint_sha256=checkpoint_sha256,
        settings=canonical_json(config),
        drawn=tuple(sorted((drawn or {}).items())),
    )


def descend(
    request: Request,
    image: Image,
    step: Step,
    numerics: Numerics,
    *,
    conditions: Conditions | None = None,
    y: Annotation | None = None,
) -> Frame:
    """The drawn frame. It has the labels of `y` (by default the request's) and its parent's group.

    `conditions` are what was drawn, where the generator knows more than was asked.
    """
    y = y if y is not None else request.y
    parent = request.parent
    frame_id = digest(
        parent.frame_id if parent is not None else "", request.record(), step, numerics
    )[:32]
    group = parent.provenance.group_id if parent is not None else f"generated-{frame_id}"
    provenance = Provenance(
        kind=Kind.GENERATED,
        source=parent.provenance.source
        if parent is not None
        else Source(adapter=step.part, dataset="generated", native_id=frame_id),
        group_id=group,
        twin_id=parent.provenance.twin_id if parent is not None else "",
        parent_id=parent.frame_id if parent is not None else "",
        parent_sha256=parent.content_sha256 if parent is not None else "",
        request=request.record(),
        steps=(*(parent.provenance.steps if parent is not None else ()), step),
        seed=request.seed,
        numerics=numerics,
        code_version=__version__,
    )
    labels = (
        {n: getattr(y, n) for n in (*LAYERS, "label", "label_space", "objects", "camera")}
        if y
        else {}
    )
    return Frame(
        frame_id=frame_id,
        image=np.ascontiguousarray(image),
        conditions=conditions if conditions is not None else request.conditions,
        provenance=provenance,
        **labels,
    )
