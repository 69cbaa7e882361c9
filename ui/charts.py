"""Charts of the pages: a frame in, an Altair chart out, nothing read and nothing kept."""

from __future__ import annotations

import altair as alt
import pandas as pd

from ui.timeline import COLOURS, event_kinds
from ui.wording import money


def balance_chart(
    events: pd.DataFrame, cutoff: pd.Timestamp, due: pd.Timestamp | None, currency: str | None
) -> alt.LayerChart:
    """Open balance of one invoice over time, its events as marks on the line.

    Parameters
    ----------
    events : DataFrame of shape (n_events,)
        ``activity, event_time, balance, amount, detail`` of one invoice; rows whose balance is
        missing are marked at the foot.
    cutoff : Timestamp
        The line ends here.
    due : Timestamp or None
        Due date, drawn as a dashed line.
    currency : str or None
        Of the balance.
    """
    points = pd.DataFrame(
        {
            "time": events["event_time"],
            "balance": events["balance"].astype("float64"),
            "Event": events["activity"].astype(str),
            "Kind": event_kinds(events["activity"]),
            "Balance after it": events["balance"].map(lambda value: money(value, currency)),
        }
    )
    known = points.dropna(subset=["balance"]).sort_values("time", kind="stable")
    line = known[["time", "balance"]]
    if len(line):
        end = pd.DataFrame({"time": [cutoff], "balance": [line["balance"].iloc[-1]]})
        line = pd.concat([line, end], ignore_index=True)
    points["balance"] = points["balance"].fillna(0.0)
    title = f"Open balance ({currency})" if currency else "Open balance"
    x = alt.X("time:T", title="UTC", axis=alt.Axis(format="%d %b %Y", labelOverlap=True))
    top = 1.3 * points["balance"].max()  # room for the names of the dashed lines
    y = alt.Y(
        "balance:Q",
        title=title,
        scale=alt.Scale(domain=[0, top if top > 0 else 1]),
        axis=alt.Axis(format=",.0f", tickCount=5),
        stack=None,  # two events at one moment must not be added up
    )
    layers: list[alt.Chart] = [
        alt.Chart(line).mark_area(interpolate="step-after", opacity=0.12, color="#2f5d8a"),
        alt.Chart(line).mark_line(interpolate="step-after", color="#2f5d8a", strokeWidth=1.5),
    ]
    layers = [layer.encode(x=x, y=y) for layer in layers]
    moments = pd.DataFrame({"time": [cutoff], "name": ["Cutoff"]})
    if due is not None:
        moments = pd.concat(
            [pd.DataFrame({"time": [due], "name": ["Due date"]}), moments], ignore_index=True
        )
    rule = alt.Chart(moments).encode(x="time:T")
    layers.append(rule.mark_rule(strokeDash=[4, 4], color="#7b8794"))
    layers.append(
        rule.mark_text(align="right", dx=-5, dy=4, color="#7b8794", baseline="top").encode(
            y=alt.value(0), text="name:N"
        )
    )
    kinds = [kind for kind in COLOURS if (points["Kind"] == kind).any()]
    layers.append(
        alt.Chart(points)
        .mark_circle(size=80, opacity=0.95, stroke="white", strokeWidth=1)
        .encode(
            x=x,
            y=y,
            color=alt.Color(
                "Kind:N",
                scale=alt.Scale(domain=kinds, range=[COLOURS[kind] for kind in kinds]),
                legend=alt.Legend(orient="bottom", title=None),
            ),
            tooltip=[
                alt.Tooltip("Event:N"),
                alt.Tooltip("time:T", title="When (UTC)", format="%d %b %Y, %H:%M"),
                alt.Tooltip("Balance after it:N"),
            ],
        )
    )
    return alt.LayerChart(layer=layers).properties(height=320)
