"""One file is one generator: p(x), p(x | y), p(x | y, parent) or p(x, y)."""

if __name__ != "parhelion.generators":
    raise ImportError(
        f"this package is parhelion.generators; it was imported as {__name__!r}, "
        "which would make a second copy of every class: import parhelion.generators"
    )
