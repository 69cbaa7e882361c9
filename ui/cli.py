"""The command line: `duecast …`.

Every command reads settings and policy once, calls down, and prints. Errors that duecast words
itself end as one sentence and exit code 2. The commands import what they need when they run, so
that `duecast --help` and `duecast check` do not wait for MLflow.
"""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import warnings
import webbrowser
from pathlib import Path
from threading import Thread
from time import monotonic, sleep
from typing import Annotated

import typer
from rich.console import Console

from eventlog.errors import DuecastError
from ui import (
    card_commands,
    cash_commands,
    conformance_commands,
    data_commands,
    kpi_commands,
    monitoring_commands,
    provision_commands,
    registry_commands,
    training_commands,
    tuning_commands,
    worklist_commands,
)
from ui.opening import out, settings_now

app = typer.Typer(
    name="duecast",
    help="Late-payment and write-off risk of open invoices, from the event log of a "
    "credit-to-cash process.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
for group in (
    data_commands,
    training_commands,
    tuning_commands,
    registry_commands,
    card_commands,
    worklist_commands,
    cash_commands,
    conformance_commands,
    provision_commands,
    kpi_commands,
    monitoring_commands,
):
    app.add_typer(group.commands)
err = Console(stderr=True)


def main() -> None:
    """Run the command line; word errors in one sentence and exit with 2."""
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", category=FutureWarning, module="mlflow")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    # Threads that wait should sleep: on a busy machine spinning ones slow LightGBM tenfold.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        app()
    except DuecastError as error:
        err.print(f"[bold red]duecast:[/] {_escaped(str(error))}", soft_wrap=True)
        sys.exit(2)


def _escaped(text: str) -> str:
    return text.replace("[", r"\[")


@app.command()
def ui(
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8501,
    browser: Annotated[bool, typer.Option("--browser/--no-browser")] = True,
) -> None:
    """Open the web pages on this machine.

    Example: `duecast ui --port 8600`
    """
    settings_now()
    page = Path(__file__).with_name("app.py")
    command = [sys.executable, "-m", "streamlit", "run", str(page), "--server.port", str(port)]
    command += ["--server.address", "127.0.0.1", "--browser.gatherUsageStats", "false"]
    # Streamlit's own way to open a browser first asks for an email address.
    command += ["--server.headless", "true", "--client.toolbarMode", "minimal"]
    out.print(f"duecast on http://127.0.0.1:{port} (stop with Ctrl+C)")
    if browser:
        Thread(target=_open_when_up, args=(port,), daemon=True).start()
    try:
        sys.exit(subprocess.run(command, check=False).returncode)
    except KeyboardInterrupt:
        sys.exit(0)


def _open_when_up(port: int, patience: float = 60.0) -> None:
    """Open the browser as soon as the pages answer."""
    until = monotonic() + patience
    while monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            sleep(0.3)
        else:
            webbrowser.open(f"http://127.0.0.1:{port}")
            return


@app.command()
def demo(
    folder: Annotated[Path, typer.Option("--folder", help="Made anew each time.")] = Path("demo"),
    invoices: Annotated[int, typer.Option(min=2000, help="How many invoices.")] = 12_000,
) -> None:
    """Run everything on a synthetic company: simulate, check, train, score, worklist.

    Example: `duecast demo`
    """
    from ui.demo import run_demo

    run_demo(out, folder, invoices)


if __name__ == "__main__":
    main()
