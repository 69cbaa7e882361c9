"""Every comparison, one after the other, each in a process of its own.

python -m benchmarks --events 100000 1000000 10000000
"""

from __future__ import annotations

import argparse
import subprocess
import sys


def main() -> None:
    """Run the comparisons; stop at the first that fails."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--events", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--repeat", type=int, default=3, help="turns of each side")
    parser.add_argument("--plot", default="benchmarks/features.png", help="where the plot goes")
    parser.add_argument("--featuretools-python", help="interpreter that has featuretools")
    chosen = parser.parse_args()
    events, repeat = [str(n) for n in chosen.events], str(chosen.repeat)
    largest = str(max(chosen.events))
    features = ["features", "--events", *events, "--repeat", repeat, "--plot", chosen.plot]
    tools = ["duecast", "polars", "polars_as_of", "duckdb", "pandas", "pandas_as_of"]
    if chosen.featuretools_python:
        features += ["--featuretools-python", chosen.featuretools_python]
        tools.append("featuretools")
    for arguments in (
        [*features, "--tools", *tools],
        ["matrix", "--events", *events],
        ["reading", "--rows", *events, "--repeat", repeat],
        ["directly_follows", "--events", *events, "--repeat", repeat],
        ["training", "--events", str(min(int(largest), 1_000_000)), "--repeat", repeat],
        ["reasons", "--rows", "12000", "100000"],
        ["scoring", "--open", str(min(int(int(largest) / 80), 100_000))],
        ["cluster", "--events", str(min(int(largest), 1_000_000))],
    ):
        print("\n$ python -m benchmarks." + " ".join(arguments), flush=True)
        subprocess.run(
            [sys.executable, "-m", f"benchmarks.{arguments[0]}", *arguments[1:]], check=True
        )


if __name__ == "__main__":
    main()
