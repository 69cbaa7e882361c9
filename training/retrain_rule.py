"""When someone should look at a model, and when it is merely worth training anew.

An *alarm* says that the model no longer does what it says: rows unlike those it was trained on, or
probabilities that are off. That *retraining is worthwhile* says only that there is more to learn
from by now, or that a calibration slope is off, but not surely beyond what is tolerated. No single
month can raise an alarm: drift has to show in two cohorts running, calibration is judged on the
latest three together, and a smaller miscalibration has to last for two months or more, until the
odds for it are 1,000 to 1.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from training.calibration_watch import ODDS, RATIO_BAND, SLOPE_BAND, Figure, Lasting
from training.drift import Drift, in_a_row

Verdict = Literal["quiet", "retraining worthwhile", "alarm"]

#: Share of the model's say (`training.importance`) from which on a feature is important enough for
#: its drift to matter.
IMPORTANT = 0.02
#: New labels, as a share of those trained on, from which on retraining is worthwhile; Business
#: Central's late payment prediction retrains at as many new invoices.
NEW_LABELS = 0.10
#: Cohorts that are judged together.
TOGETHER = 3
#: How sure an interval has to be to raise an alarm by clearing its band. A slope's is wide and
#: rests on few extreme rows: at 95 % one quiet month in 144 alarmed on simulated companies.
RATIO_CONFIDENCE, SLOPE_CONFIDENCE = 0.95, 0.99
#: Cohorts running that have to drift.
RUNNING = 2
#: What a positive is, for people.
HAPPENED = {
    "late_payment": "late payments",
    "still_open": "invoices still open at the horizon",
    "write_off": "write-offs",
    "payment_curve": "invoices unpaid at the horizon",
}
#: Models whose slope is only shown. On a simulated company in which nothing had changed, that of
#: a payment curve at 30 days was 1.65, and 1.8 on its own training rows.
SLOPE_NOT_JUDGED = ("payment_curve",)
_LOOK = (
    "Train anew with `duecast train LOG` and let `duecast promote` compare; until then take the "
    "probabilities with care."
)


_RECALIBRATE = (
    "The ranking stands, but high probabilities are too high and low ones too low, or the reverse: "
    "train anew with `duecast train LOG`, which calibrates on the latest outcomes."
)


@dataclass(frozen=True)
class Ruling:
    """One rule and what it found.

    Attributes
    ----------
    rule : str
    fired : bool
    verdict : {'alarm', 'retraining worthwhile'}
        What it means if it fired.
    says : str
        The figure beside its threshold, in words.
    do : str
        What to do; empty where it has not fired.
    """

    rule: str
    fired: bool
    verdict: Verdict
    says: str
    do: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def verdict_of(rulings: list[Ruling]) -> Verdict:
    """The gravest of the rules that fired."""
    fired = {ruling.verdict for ruling in rulings if ruling.fired}
    if "alarm" in fired:
        return "alarm"
    return "retraining worthwhile" if fired else "quiet"


def judge_score(cohorts: list[str], score: list[Drift]) -> Ruling:
    """Whether the score's distribution has moved; cohorts too small to be judged left out."""
    fired = in_a_row([drift.drifts for drift in score], RUNNING)
    told = _psi_told(cohorts, score)
    return Ruling(
        "score drift",
        fired,
        "alarm",
        f"The score's PSI is {told}." if score else "No cohort is large enough to judge the score.",
        "See which features moved. If the business has changed for good, train anew with "
        "`duecast train LOG`."
        if fired
        else "",
    )


def judge_features(features: list[dict[str, Any]]) -> Ruling:
    """Whether any important feature has moved; see `training.monitoring` for the entries."""
    important = [f for f in features if f["importance"] >= IMPORTANT]
    found = [f for f in important if f["drifts"]]
    listed = ", ".join(f"{f['name']} ({f['moved']})" for f in found)
    return Ruling(
        "feature drift",
        bool(found),
        "alarm",
        f"{len(found)} of {len(important)} features that hold {percent(IMPORTANT)} or more of the "
        f"model's say exceed their PSI threshold in {RUNNING} cohorts running"
        + (f": {listed}." if found else "."),
        "Check the extract first: a column that is empty now, another unit, new levels. If it is "
        "right, the business has changed: train anew with `duecast train LOG`."
        if found
        else "",
    )


def judge_ratio(figure: Figure | None, span: str, target: str) -> Ruling:
    """Whether there were many more, or fewer, positives than predicted."""
    if figure is None:
        return Ruling("observed / expected", False, "alarm", _too_few(target))
    fired = figure.lies_outside(RATIO_BAND)
    return Ruling(
        "observed / expected",
        fired,
        "alarm",
        f"{span}: {told(figure)} times as many {HAPPENED[target]} as predicted "
        f"({percent(RATIO_CONFIDENCE)} interval); tolerated {RATIO_BAND[0]}–{RATIO_BAND[1]}.",
        _LOOK if fired else "",
    )


def judge_slope(figure: Figure | None, span: str, target: str) -> Ruling:
    """Whether probabilities reach too far, or not far enough; see `SLOPE_NOT_JUDGED`.

    An alarm where the interval clears the band; where only the figure itself lies outside, and its
    interval does not hold 1, retraining is worthwhile.
    """
    if figure is None:
        return Ruling("calibration slope", False, "alarm", _too_few(target))
    if target in SLOPE_NOT_JUDGED:
        return Ruling(
            "calibration slope",
            False,
            "alarm",
            f"{span}: slope {told(figure)} ({percent(SLOPE_CONFIDENCE)} interval), which is not "
            "judged: one calibrator serves every horizon, so that it may be off at one of them "
            "from the start.",
        )
    is_clear = figure.lies_outside(SLOPE_BAND)
    outside = not SLOPE_BAND[0] <= figure.estimate <= SLOPE_BAND[1]
    is_off = outside and figure.lies_outside((1.0, 1.0))
    return Ruling(
        "calibration slope",
        is_clear or is_off,
        "alarm" if is_clear or not is_off else "retraining worthwhile",
        f"{span}: slope {told(figure)} ({percent(SLOPE_CONFIDENCE)} interval); tolerated "
        f"{SLOPE_BAND[0]}–{SLOPE_BAND[1]}.",
        _LOOK if is_clear else _RECALIBRATE if is_off else "",
    )


def judge_lasting(lasting: Lasting | None, since: str, target: str) -> Ruling:
    """Whether a miscalibration that one month would not show has lasted."""
    if lasting is None:
        return Ruling("lasting miscalibration", False, "alarm", _too_few(target))
    odds = "a million or more" if lasting.odds >= 1e6 else f"{lasting.odds:,.0f}"
    return Ruling(
        "lasting miscalibration",
        lasting.is_clear,
        "alarm",
        f"Labels matured since {since}: {told(lasting.figure)} times as many {HAPPENED[target]} as "
        f"predicted (95 % interval); the odds for a lasting shift are {odds} to 1, {ODDS:,.0f} are "
        "needed.",
        _LOOK if lasting.is_clear else "",
    )


def judge_labels(trained_on: int, new: int) -> Ruling:
    """Whether there is much more to learn from than at training."""
    share = new / max(trained_on, 1)
    fired = share >= NEW_LABELS
    return Ruling(
        "new labels",
        fired,
        "retraining worthwhile",
        f"{new:,} labels have matured since training, {percent(share)} of the {trained_on:,} it "
        f"was trained on; {percent(NEW_LABELS)} make retraining worthwhile.",
        "Train anew with `duecast train LOG` when convenient; nothing is wrong." if fired else "",
    )


def percent(share: float, digits: int = 0) -> str:
    """A share, for people."""
    return f"{100 * share:.{digits}f} %"


def told(figure: Figure) -> str:
    """A figure with its interval, for people."""
    return f"{figure.estimate:.2f} [{figure.low:.2f}, {figure.high:.2f}]"


def _psi_told(cohorts: list[str], drifts: list[Drift]) -> str:
    latest = list(zip(cohorts, drifts, strict=True))[-RUNNING:]
    return ", ".join(
        f"{d.psi:.2f} in {name} (threshold {d.threshold or 0.0:.2f})" for name, d in latest
    )


def _too_few(target: str) -> str:
    return f"Fewer than two cohorts have enough matured labels of {target} to judge."
