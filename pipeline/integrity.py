"""Integrity at the door: whether a frame's image, depth and stencil show the same moment and view.

Captures of games and simulators fall out of step: a depth buffer one frame late, a stencil that was
not drawn anew, pictures and labels of two frames exchanged. Every file is fine and the frame is
wrong. Each frame is judged by itself and against the frame before it in its group:

* layers against each other: edges of depth, stencil and instances must coincide. That needs no
  image and so holds at night and in fog. Only of layers that a renderer made is it asked how many
  coincide; of hand-drawn and measured ones, whether more would coincide elsewhere.
* the image against the layers: its edges must prefer their own place to every shift, the mirror and
  the layers of the frame before. Where too little shows, or outlines were drawn by hand, only a
  clear agreement elsewhere counts, and nothing is said without one (`Verdict.untold`).
* buffers equal byte for byte to the frame before's, in another view.
* layers that say nothing, sky at a finite depth, objects whose depths contradict their distance.
"""

from collections.abc import Iterator

from parhelion.pipeline.bad_frame import Reason
from parhelion.pipeline.frame import Frame
from parhelion.pipeline.integrity_agreement import Agreement, image_agreement, shared_edges
from parhelion.pipeline.integrity_contents import boxes_against_depth, empty_layers, finite_sky
from parhelion.pipeline.integrity_edges import Edges, Look
from parhelion.pipeline.integrity_finding import Finding, Verdict
from parhelion.pipeline.integrity_limits import IntegrityLimits
from parhelion.pipeline.integrity_stale import LEAST_EDGES, stale_buffers
from parhelion.pipeline.provenance import Kind

PAIRS = (("depth", "stencil"), ("instances", "stencil"))
BARE_PAIRS = (("instances", "depth"),)  # where there is no stencil
LEAST_FOR_IMAGE = 1000  # grid pixels of edges; a few vehicles alone do not hold an image in place
LEAST_VISIBLE = 0.05  # share of an image that must show something
MET_BETTER = 0.15  # by which another place must be better to be believed: layers against layers
SIGMAS_BETTER = 1.0  # the same for an image and its layers
SIGMAS_SURE = 6.0  # an agreement elsewhere that no chance makes, however little shows


def judge(look: Look, before: Look | None = None, limits: IntegrityLimits | None = None) -> Verdict:
    """What is wrong with a frame. `before` is the frame before it in its group, where there is one.

    It may be any frame: the layers of one from elsewhere agree with nothing here.
    """
    limits = limits or IntegrityLimits()
    empty = tuple(empty_layers(look.frame))
    if empty:
        return Verdict(findings=empty)
    stale = stale_buffers(look, before) if before is not None else ()
    layers = _layers_in_step(look, before, limits)
    image = _image_in_step(look, before, limits)
    contents = (*finite_sky(look.frame), *boxes_against_depth(look.frame))
    return Verdict(
        findings=(*stale, *layers.findings, *image.findings, *contents),
        untold=layers.untold + image.untold,
    )


def layer_agreements(look: Look, before: Look | None) -> Iterator[tuple[str, str, Agreement]]:
    """Of every pair of layers with enough edges to tell."""
    pairs = PAIRS if "stencil" in look.layers else BARE_PAIRS
    for one, other in pairs:
        if one not in look.layers or other not in look.layers:
            continue
        a, b = look.layers[one], look.layers[other]
        if look.large_enough and min(a.total, b.total) >= LEAST_EDGES:
            yield one, other, shared_edges(a, b, _layer_before(look, before, other))


def agreement_of_image(look: Look, before: Look | None) -> Agreement | None:
    """Of the image with all layers; None where those have too few edges to tell."""
    if not look.large_enough or not look.layers or look.edge_count < LEAST_FOR_IMAGE:
        return None
    comparable = before is not None and before.grid == look.grid and before.layers
    return image_agreement(
        look.image, look.together, before.together if before is not None and comparable else None
    )


def _layer_before(look: Look, before: Look | None, name: str) -> Edges | None:
    if before is None or before.grid != look.grid:
        return None
    return before.layers.get(name)


def _layers_in_step(look: Look, before: Look | None, limits: IntegrityLimits) -> Verdict:
    findings: list[Finding] = []
    told: set[str] = set()
    for one, other, found in layer_agreements(look, before):
        told |= {one, other}
        better = _better_place(found, MET_BETTER, one, other, look)
        if better is not None:
            findings.append(better)
        elif _rendered(look.frame) and found.own < limits.met:
            sentence = (
                f"{one} and {other}: wanted {limits.met:.0%} of their edges to coincide, got "
                f"{found.own:.0%}, and no better place near by"
            )
            findings.append(Finding(Reason.OUT_OF_STEP, sentence, f"{one}_{other}", found.own))
    untold = [name for name in look.layers if name not in told and len(look.layers) > 1]
    return Verdict(findings=tuple(findings), untold=tuple(untold))


def _image_in_step(look: Look, before: Look | None, limits: IntegrityLimits) -> Verdict:
    cannot_tell = Verdict(untold=("image",))
    found = agreement_of_image(look, before)
    if found is None:
        return cannot_tell if look.layers else Verdict()
    best = max(found.elsewhere, found.mirrored)
    better = _better_place(found, SIGMAS_BETTER, "image", "layers", look)
    leads = found.own - best >= limits.lead
    clear = _rendered(look.frame) and look.visible >= LEAST_VISIBLE
    if not clear and max(best, found.before or 0.0) < SIGMAS_SURE:
        return Verdict() if leads else cannot_tell
    if better is not None:
        return Verdict(findings=(better,))
    if not clear or leads:
        return Verdict()
    sentence = (
        f"image and layers: wanted edges to agree best in place, got {found.own:.1f} sigmas "
        f"there and {best:.1f} elsewhere"
    )
    lead = Finding(Reason.OUT_OF_STEP, sentence, "image_lead", found.own - best)
    return Verdict(findings=(lead,))


def _better_place(
    found: Agreement, margin: float, one: str, other: str, look: Look
) -> Finding | None:
    """Where the two agree better than in place, by more than `margin`."""
    pair, least = f"{one} and {other}", found.own + margin
    scale = look.frame.size[1] / look.grid[1]
    right, down = (round(step * scale) for step in found.shift)
    places = (
        (found.before or 0.0, Reason.OUT_OF_STEP, f"with the {other} of the frame before"),
        (found.mirrored, Reason.MIRRORED_LAYER, "with one of them mirrored"),
        (found.elsewhere, Reason.SHIFTED_LAYER, f"{right} px to the right and {down} px down"),
    )
    value, reason, place = max(places, key=lambda each: each[0])
    if value <= least:
        return None
    sentence = (
        f"{pair}: wanted edges that agree in place ({found.own:.2f}), got {place} ({value:.2f})"
    )
    return Finding(reason, sentence, f"{one}_{other}", found.own - value)


def _rendered(frame: Frame) -> bool:
    return frame.provenance.kind is Kind.SIMULATED
