"""Prefect flows, recipes, the schedule and the command line."""

if __name__ != "parhelion.flows":
    raise ImportError(
        f"this package is parhelion.flows; it was imported as {__name__!r}, "
        "which would make a second copy of every class: import parhelion.flows"
    )
