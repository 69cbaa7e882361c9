"""The command that shows how the process really runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from eventlog.cutoffs import refuse_cutoff
from eventlog.errors import DataError, SettingsError
from eventlog.log import timestamp
from ui.opening import (
    moment_of,
    name_of,
    out,
    policy_now,
    print_json,
    rates_now,
    read,
    refuse_existing,
    settings_now,
)
from ui.options import (
    DayFirstOption,
    JsonOption,
    LogArgument,
    MappingOption,
    PolicyOption,
    QueryOption,
    RatesOption,
    SheetOption,
)
from ui.progress import stages

commands = typer.Typer()


@commands.command()
def process(
    log: LogArgument,
    cutoff: Annotated[
        str | None, typer.Option("--cutoff", help="Moment to look from; default: the log's end.")
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            "--where",
            metavar="NAME=VALUE",
            help="Only such invoices: an attribute, Outcome, Disputed or Late; also NAME!=VALUE, "
            "A|B, LOW..HIGH. May be repeated.",
        ),
    ] = None,
    posted_from: Annotated[
        str | None, typer.Option("--posted-from", help="Only invoices posted on or after this.")
    ] = None,
    posted_until: Annotated[
        str | None, typer.Option("--posted-until", help="Only invoices posted before this.")
    ] = None,
    top: Annotated[int, typer.Option("--top", min=1, help="Rows of each table.")] = 10,
    map_file: Annotated[
        Path | None, typer.Option("--map", help="Draw the process map: .svg or .dot.")
    ] = None,
    min_share: Annotated[
        float,
        typer.Option(
            "--min-share",
            min=0,
            max=1,
            help="Leave out of the map what fewer invoices than this share do.",
        ),
    ] = 0.02,
    bottlenecks: Annotated[
        bool, typer.Option("--bottlenecks", help="Where money waits, in all and when overdue.")
    ] = False,
    rework: Annotated[
        bool, typer.Option("--rework", help="Repeats, what was taken back, work by hand.")
    ] = False,
    automatic: Annotated[
        list[str] | None,
        typer.Option(
            "--automatic",
            metavar="PATTERN",
            help="Users that are programs, such as 'batch*'; replaces the built-in list. May be "
            "repeated.",
        ),
    ] = None,
    compare: Annotated[
        tuple[str, str] | None,
        typer.Option(
            "--compare",
            metavar="'NAME=A' 'NAME=B'",
            help="Set two groups of invoices side by side.",
        ),
    ] = None,
    compare_by: Annotated[
        str | None,
        typer.Option(
            "--compare-by",
            help="The same by an attribute that has two values, such as Disputed, or by a date: "
            "posted before and after it.",
        ),
    ] = None,
    within: Annotated[
        int | None,
        typer.Option(
            "--within",
            min=1,
            help="Look at each invoice so many days after its issue; younger ones are left out. "
            "Default when comparing by a date: 90.",
        ),
    ] = None,
    with_due_date: Annotated[
        bool,
        typer.Option(
            "--with-due-date/--without-due-date",
            help="Whether the passing of the due date is a step of its own.",
        ),
    ] = True,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file.")] = False,
    policy: PolicyOption = None,
    rates: RatesOption = None,
    mapping: MappingOption = None,
    query: QueryOption = None,
    sheet: SheetOption = None,
    day_first: DayFirstOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show how invoices really run: variants, steps and waiting times, where money waits.

    Everything is as known at the cutoff.

    Example: `duecast process log.parquet --where CustomerSegment=Enterprise --map map.svg`
    """
    from eventlog.process.bottlenecks import bottlenecks as ranked
    from eventlog.process.comparison import compare as compared
    from eventlog.process.history import history_of
    from eventlog.process.process_map import process_map
    from eventlog.process.rework import AUTOMATIC_USERS
    from eventlog.process.rework import rework as reworked
    from eventlog.process.selection import chosen, condition, posted_between, priced
    from eventlog.process.variants import variant_table, variants_of
    from ui import process_report as report

    refuse_existing(map_file, overwrite)
    if map_file is not None and map_file.suffix.lower() not in {".svg", ".dot"}:
        raise DataError(f"'{map_file.name}' is neither .svg nor .dot. Choose one of them.")
    if compare is not None and compare_by is not None:
        raise SettingsError("--compare and --compare-by exclude each other. Leave one out.")
    conditions = [condition(text) for text in where or []]
    groups = _groups(compare, compare_by)
    if within is None and isinstance(groups, int):
        within = report.COMPARED_DAYS
    decided = policy_now(settings_now(), policy)
    since = moment_of(posted_from, "--posted-from") if posted_from else None
    until = moment_of(posted_until, "--posted-until") if posted_until else None
    events, _ = read(log, mapping, query, sheet, day_first=day_first, quiet=as_json)
    moment = moment_of(cutoff, "--cutoff") if cutoff else events.ends_at
    if cutoff:
        refuse_cutoff(events, moment)
    with stages("Process", steps=5, quiet=as_json) as say:
        say("traces")
        history = history_of(
            events, moment, decided, with_due_date=with_due_date, within_days=within
        )
        mask = chosen(history, events, conditions) & posted_between(history, since, until)
        table_of_rates = rates_now(events, rates, decided) if rates else None
        history = priced(history.of(mask), events, table_of_rates)
        say("variants")
        variants = variants_of(history.traces)
        say("map")
        found = process_map(history)
        shown: dict[str, Any] = report.headline(
            history, len(variants), name_of(log), _selection(where, posted_from, posted_until)
        )
        shown["variants"] = variant_table(history, variants, top)
        shown["steps"] = found.steps()
        shown["bottlenecks"] = ranked(found, decided.annual_rate)
        shown["overdue"] = ranked(found, decided.annual_rate, overdue=True)
        say("comparison")
        if groups is not None and len(history):
            one, other, names = _masks(history, events, groups)
            shown["comparison"] = compared(history, events, one, other, names, top)
        if rework:
            users = tuple(automatic) if automatic else AUTOMATIC_USERS
            shown["rework"] = reworked(history, events, users, found)
        if map_file is not None and len(history):
            say("drawing")
            _draw(map_file, history, shown, min_share)
    if as_json:
        print_json(report.as_json(shown, top, bottlenecks=bottlenecks))
        return
    report.print_process(out, shown, top, bottlenecks=bottlenecks)
    if map_file is not None and len(history):
        out.print(f"Process map written to {map_file}.")


Groups = tuple[str, str] | str | int


def _groups(compare: tuple[str, str] | None, by: str | None) -> Groups | None:
    """What is compared: two conditions, an attribute, or invoices before and after a moment."""
    if by is not None and by[:4].isdigit():
        return moment_of(by, "--compare-by")
    return compare or by


def _masks(history: Any, events: Any, groups: Groups) -> tuple[Any, Any, tuple[str, str]]:
    """The two groups of a comparison, and what they are called."""
    from eventlog.process.selection import (
        attribute_named,
        chosen,
        condition,
        levels_by_count,
        posted_between,
        values_of,
    )

    if isinstance(groups, int):
        day = f"{timestamp(groups):%Y-%m-%d}"
        names = (f"posted before {day}", f"posted from {day}")
        one = posted_between(history, None, groups)
        return one, posted_between(history, groups, None), names
    if isinstance(groups, str):
        name = attribute_named(events, groups)
        code, levels = values_of(history, events, name)
        present = [level for level, _ in levels_by_count(code, levels)]
        if len(present) != 2:
            shown = ", ".join(present[:6]) + (", …" if len(present) > 6 else "")
            raise DataError(
                f"'{name}' has {len(present)} values among these invoices ({shown}); two can be "
                f"compared. Choose two with --compare '{name}=A' '{name}=B'."
            )
        groups = (f"{name}={present[0]}", f"{name}={present[1]}")
    one, other = (chosen(history, events, [condition(text)]) for text in groups)
    return one, other, groups


def _selection(where: list[str] | None, since: str | None, until: str | None) -> str:
    """The selection in words; "" for everything."""
    said = list(where or [])
    if since:
        said.append(f"posted from {since}")
    if until:
        said.append(f"posted before {until}")
    return " and ".join(said)


def _draw(file: Path, history: Any, shown: dict[str, Any], min_share: float) -> None:
    """Write the map of a history's main flow."""
    from eventlog.process.main_flow import main_flow, rare_activities
    from eventlog.process.process_map import process_map
    from ui.process_graph import Caption, as_dot

    drawn = process_map(history, hide=rare_activities(history, min_share))
    flow = main_flow(drawn, min_share)
    title = f"Process map · {shown['log']}"
    caption = Caption(title, history.cutoff, shown["said"], min_share, history.currency)
    if file.suffix.lower() == ".dot":
        text = as_dot(drawn, flow, caption)
    else:
        from ui.process_svg import as_svg

        text = as_svg(drawn, flow, caption)
    file.write_text(text, encoding="utf-8")
