"""Progress of long work on the terminal; on standard error, so output can be piped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


class Say(Protocol):
    """Tells which stage is running and, where it is known, what share is done."""

    def __call__(self, stage: str, done: float | None = None) -> None:
        """Announce a stage."""


@contextmanager
def stages(title: str, steps: int = 0, quiet: bool = False) -> Iterator[Say]:
    """Show a bar while stages are announced.

    Parameters
    ----------
    steps : int
        How many stages there are, where no shares are announced.
    quiet : bool
        Show nothing.
    """
    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=quiet,
    )
    with bar:
        task = bar.add_task(title, total=float(steps) if steps else 1.0)
        told = 0

        def say(stage: str, done: float | None = None) -> None:
            nonlocal told
            told += 1
            share = float(told - 1) if done is None else done
            bar.update(task, description=f"{title}: {stage}", completed=share)

        yield say
