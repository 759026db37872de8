"""The record, the run engine, the audit, the gate and the scores."""

from parhelion.pipeline.version import __version__

if __name__ != "parhelion.pipeline":
    raise ImportError(
        f"this package is parhelion.pipeline; it was imported as {__name__!r}, "
        "which would make a second copy of every class: import parhelion.pipeline"
    )

__all__ = ["__version__"]
