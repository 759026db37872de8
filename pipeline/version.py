"""The version of the project, as it stands in every row's provenance."""

__version__ = "0.1.0"
