"""Whom to call first: the ranked open invoices of a scoring run, and those on hold."""

from __future__ import annotations

import math
from functools import partial
from typing import Any, Literal

import pandas as pd
import streamlit as st

from eventlog.policy import Policy
from serving.schema import FILTER_COLUMNS
from serving.store import Filters, Run, Tab, Totals
from serving.worklist import COLUMN_NAMED, RISK_BANDS
from ui import data
from ui.wording import DASH, moment, money, money_by_currency, number, plain

BAND_COLOURS = ("#c0492f", "#b7791f", "#4f8a5b")
_WIDTHS: dict[str, Literal["small", "medium", "large"]] = {
    "currency": "small",
    "suppressed_reason": "medium",
    "reason_1": "large",
}
SHOWN = (
    "rank",
    "risk_band",
    "customer_name",
    "invoice",
    "priority",
    "days_past_due",
    "open_balance",
    "currency",
    "p_late",
    "p_still_open",
    "reason_1",
    "p_write_off",
    "expected_loss",
    "cost_of_delay",
    "due_date",
    "expected_payment_date",
    "collections_status",
    "dunning_level",
    "last_contact_at",
    "collector",
    "segment",
    "country",
    "customer_account",
    "company",
)
ON_HOLD = (
    "rank",
    "suppressed_reason",
    *(name for name in SHOWN if name not in ("rank", "priority")),
)


def filters_of(run: Run) -> Filters:
    """The sidebar's filters."""
    offered = data.choices(run)
    chosen: dict[str, Any] = {}
    with st.sidebar:
        st.subheader("Filter")
        search = st.text_input(
            "Search",
            key="kept_search",
            placeholder="Invoice, customer or account",
        )
        for name in FILTER_COLUMNS:
            values = list(offered[name])
            if len(values) < 2:
                continue
            key = f"kept_{name}"
            kept = [value for value in st.session_state.get(key, []) if value in values]
            st.session_state[key] = kept
            chosen[name] = tuple(
                st.multiselect(
                    COLUMN_NAMED[name].label,
                    values,
                    key=key,
                    format_func=lambda value: "not stated" if value in (None, "") else value,
                    placeholder="All",
                )
            )
    return Filters(search=search or "", **chosen)


def column_config(run: Run, policy: Policy) -> dict[str, Any]:
    """Headings, units and formats of the table."""
    reporting = run.reporting_currency or "reporting currency"
    horizons = {
        "p_late": f"Not paid by the due date + {policy.late_after_days} days",
        "p_still_open": f"Still unpaid {policy.still_open_days} days after the cutoff",
        "p_write_off": f"Written off within {policy.write_off_horizon_days} days of the cutoff",
    }
    config: dict[str, Any] = {}
    for name in ("suppressed_reason", *SHOWN):
        column = COLUMN_NAMED[name]
        label, meaning = column.label, column.meaning
        if column.kind == "money" and column.unit == "reporting currency":
            label = f"{label} ({reporting})"
        if column.kind == "probability":
            config[name] = st.column_config.ProgressColumn(
                label, help=horizons[name], min_value=0, max_value=100, format="%.1f %%", width=100
            )
        elif column.kind == "money":
            config[name] = st.column_config.NumberColumn(label, help=meaning, format="accounting")
        elif column.kind == "int":
            config[name] = st.column_config.NumberColumn(label, help=meaning, format="localized")
        elif column.kind == "date":
            config[name] = st.column_config.DateColumn(label, help=meaning, format="D MMM YYYY")
        elif column.kind == "time":
            config[name] = st.column_config.DatetimeColumn(
                f"{label} (UTC)", help=meaning, format="D MMM YYYY, HH:mm"
            )
        else:
            config[name] = st.column_config.TextColumn(label, help=meaning, width=_WIDTHS.get(name))
    config["risk_band"] = st.column_config.MultiselectColumn(
        COLUMN_NAMED["risk_band"].label,
        help=f"High from {policy.band_high:.0%}, medium from {policy.band_medium:.0%}",
        options=list(RISK_BANDS),
        color=list(BAND_COLOURS),
        width="small",
    )
    return config


def header(run: Run) -> None:
    """What the page shows, as of when, by which models."""
    st.title("Worklist")
    models = ", ".join(
        f"{plain(target)} {plain(version)}" for target, version in run.models.items()
    )
    st.caption(
        f"Cutoff **{moment(run.as_of)}** · models: {models or 'none'} · "
        f"log {plain(run.log_name)} · run {plain(run.run_id)}, scored {moment(run.scored_at)}"
    )
    for sentence in run.skipped.values():
        st.warning(plain(sentence))


def figures(run: Run, totals: Totals, tab: Tab) -> None:
    """The tab's totals."""
    unit = f", {run.reporting_currency}" if run.reporting_currency else ""
    shown = [
        (
            "To call, invoices" if tab == "call" else "On hold, invoices",
            number(totals.count),
            "Invoices of this tab that match the filters",
        ),
        (f"Open balance{unit}", money(totals.open_balance, None), "At the cutoff's rates"),
        *(
            (
                f"{COLUMN_NAMED[name].label}{unit}",
                money(getattr(totals, name), None),
                COLUMN_NAMED[name].meaning,
            )
            for name in ("expected_loss", "cost_of_delay", "priority")
        ),
    ]
    for place, (label, value, meaning) in zip(st.columns(len(shown)), shown, strict=True):
        place.metric(label, value, help=meaning, border=True)


def table(run: Run, policy: Policy, filters: Filters, tab: Tab) -> None:
    """One tab: figures, a page of the list, totals, downloads."""
    totals = data.totals(run, filters, tab)
    figures(run, totals, tab)
    if not totals.count:
        if filters != Filters():
            st.info("No invoice of this tab matches the filters. Clear some in the sidebar.")
        elif tab == "call":
            st.info("Nothing to call: no open invoice may be chased at this cutoff.")
        else:
            st.info("Nothing is on hold: every open invoice may be chased.")
        return
    controls = st.container(horizontal=True, vertical_alignment="bottom")
    size = controls.selectbox("Rows a page", [50, 100, 200], key=f"kept_size_{tab}", width=120)
    n_pages = math.ceil(totals.count / size)
    turned = controls.number_input(
        f"Page, of {n_pages:,}",
        min_value=1,
        max_value=n_pages,
        key=f"page_{tab}_{size}_{filters}",
        width=140,
    )
    offset = (int(turned) - 1) * size
    rows = data.page(run, filters, tab, size, offset)
    event = st.dataframe(
        shown_rows(rows, ON_HOLD if tab == "suppressed" else SHOWN),
        column_config=column_config(run, policy),
        hide_index=True,
        height=min(36 * (len(rows) + 1), 36 * 16) + 2,
        on_select="rerun",
        selection_mode="single-row",
        placeholder=DASH,
        key=f"table_{tab}_{offset}",
    )
    unknown = totals.without_balance
    st.caption(
        f"Rows {offset + 1:,}–{offset + len(rows):,} of {totals.count:,} · open balance of all "
        f"{totals.count:,}: {money_by_currency(dict(totals.open_by_currency))}"
        + (f" · {number(unknown, 'invoices')} without a known balance left out" if unknown else "")
        + " · select a row to open the invoice"
    )
    downloads(run, filters, tab)
    chosen = event["selection"]["rows"]
    if chosen:
        row = rows.iloc[chosen[0]]
        st.switch_page(
            "views/invoice.py",
            query_params={"company": row["company"], "invoice": row["invoice"]},
        )


def shown_rows(rows: pd.DataFrame, columns: tuple[str, ...]) -> pd.DataFrame:
    """The table's columns without those that are missing throughout; probabilities in percent."""
    kept = rows[[name for name in columns if rows[name].notna().any()]]
    percent: dict[str, Any] = {
        str(name): 100 * kept[name]
        for name in kept
        if COLUMN_NAMED[str(name)].kind == "probability"
    }
    bands = rows["risk_band"].map(lambda band: [band] if band else [])
    return kept.assign(**percent, risk_band=bands)[list(kept.columns)]


def downloads(run: Run, filters: Filters, tab: Tab) -> None:
    """The whole filtered list as a file."""
    stem = f"worklist_{'on_hold_' if tab == 'suppressed' else ''}{run.as_of:%Y-%m-%d}"
    buttons = st.container(horizontal=True)
    for label, extension in (("Download CSV", ".csv"), ("Download Excel", ".xlsx")):
        buttons.download_button(
            label,
            partial(data.file, run, filters, tab, extension),
            file_name=stem + extension,
            key=f"download_{tab}{extension}",
            on_click="ignore",
        )


def draw() -> None:
    """The page."""
    run = data.chosen_run()
    policy = data.policy_of(run)
    header(run)
    filters = filters_of(run)
    calls, holds = st.tabs(["To call", "On hold"])
    with calls:
        table(run, policy, filters, "call")
    with holds:
        table(run, policy, filters, "suppressed")


draw()
