"""What the tables of the process view have in common."""

from __future__ import annotations

from typing import Any

import pandas as pd
from rich import box
from rich.table import Table

from ui.process_graph import share_in_words


def table_of(title: str, texts: int, *headings: str) -> Table:
    """A table whose first columns are texts and the others figures."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for i, heading in enumerate(headings):
        if i < texts:
            table.add_column(heading, overflow="fold")
        else:
            table.add_column(heading, justify="right", no_wrap=True)
    return table


def rows_of(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table, each by its columns' names."""
    rows: list[dict[str, Any]] = table.to_dict(orient="records")  # type: ignore[assignment]
    return rows


def share(value: float) -> str:
    """A share in per cent; a dash where there is none."""
    return "–" if pd.isna(value) else share_in_words(value)
