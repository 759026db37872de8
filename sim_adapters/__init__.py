"""One file is one source of frames: simulators and recorded datasets."""

if __name__ != "parhelion.sim_adapters":
    raise ImportError(
        f"this package is parhelion.sim_adapters; it was imported as {__name__!r}, "
        "which would make a second copy of every class: import parhelion.sim_adapters"
    )
