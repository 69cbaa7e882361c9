"""The command that writes a version's model card."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ui.opening import out, refuse_existing, settings_now
from ui.options import ModelName
from ui.progress import stages

commands = typer.Typer()


@commands.command()
def card(
    target: Annotated[ModelName, typer.Argument(help="Whose model.")],
    version: Annotated[
        str, typer.Argument(help="Number or alias of a version, from `duecast models`.")
    ] = "champion",
    file: Annotated[
        Path | None,
        typer.Option("--out", help="Where to write: .html, or .md with a folder of figures."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file.")] = False,
) -> None:
    """Write the model card of a version: what it answers, how good it is, and its limits.

    Without --out the card is printed as Markdown, its figures left out.

    Example: `duecast card late_payment champion --out card.html`
    """
    import sys
    import tempfile

    from training.card import card_markdown, check_name, write_card
    from training.registry import (
        decisions_about,
        fetch_figures,
        find_version,
        has_report,
        load_version,
        open_registry,
        record_of,
        report_of,
    )

    if file is not None:
        check_name(file)
        refuse_existing(file, overwrite)
    settings = settings_now()
    registry = open_registry(settings.tracking_uri, settings.home / "mlruns" / "artifacts")
    with (
        tempfile.TemporaryDirectory() as folder,
        stages("Model card", steps=4, quiet=file is None) as say,
    ):
        found = find_version(registry, target.value, version)
        say("model")
        model, record = load_version(registry, found), record_of(registry, found)
        say("test report")
        report = report_of(registry, found) if has_report(registry, found) else None
        decisions = decisions_about(registry, found)
        if file is None:
            text = card_markdown(model, found, record, report=report, decisions=decisions)
            sys.stdout.write(text)
            return
        say("figures")
        figures = fetch_figures(registry, found, Path(folder))
        say("writing")
        write_card(file, model, found, record, report=report, figures=figures, decisions=decisions)
    out.print(f"Card of {target.value} version {found.version} written to {file}.")
