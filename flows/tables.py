"""Prints the tables of a run to the terminal."""

from collections.abc import Iterable

from rich import box
from rich import table as rich_table
from rich.console import Console
from rich.text import Text

from parhelion.pipeline.overview import Table

# Columns set to the right.
NUMBERS = {"frames", "times", "of", "share", "wanted", "missing", "asked", "accepted"}


def print_tables(tables: Iterable[Table], console: Console | None = None) -> None:
    """One after another, on standard output."""
    console = console or Console()
    for table in tables:
        drawn = rich_table.Table(title=table.title, title_justify="left", box=box.SIMPLE_HEAD)
        for column in table.columns:
            drawn.add_column(column, justify="right" if column in NUMBERS else "left")
        for row in table.rows:
            drawn.add_row(*(Text(cell) for cell in row))  # as it is: a name may look like markup
        console.print(drawn)
