"""Watching a model that serves: drift, calibration and quality since it was trained.

The rows it was trained on are rebuilt from the log, which a cut at ``train_until`` gives to the
last bit, so nothing had to be kept of them. All later rows are looked at by *scoring cohort*, the
month of the cutoff: their features and scores at once, their outcomes as labels mature. Of a
payment curve, what it says at one horizon is watched, see `training.curve_watch`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from eventlog.errors import DataError
from eventlog.ledger import keep_ledger
from eventlog.log import DAY, EventLog, micros, timestamp
from eventlog.policy import Policy
from eventlog.rates import Rates
from features.catalogue import feature_of
from features.matrix import Matrix, build_matrix
from features.snapshots import Rhythm, take_snapshots
from training.calibration_watch import (
    Figure,
    lasting_shift,
    latest,
    observed_to_expected,
    slope_of,
    swing_of,
)
from training.curve import TARGET as CURVE
from training.curve_watch import QUESTION as CURVE_QUESTION
from training.curve_watch import at_horizon, label_at_horizon, pairs_known
from training.drift import (
    ACT,
    BLIND,
    Bins,
    Drift,
    bins_of,
    drift_of,
    effective_size,
    in_a_row,
    most_moved,
    moved_in_training,
    tally,
)
from training.estimated_quality import estimate_quality
from training.evaluation import metrics
from training.fit import Progress
from training.importance import importance
from training.labels import QUESTION, Target, label
from training.model import RiskModel
from training.retrain_rule import (
    RATIO_CONFIDENCE,
    RUNNING,
    SLOPE_CONFIDENCE,
    TOGETHER,
    Ruling,
    Verdict,
    judge_features,
    judge_labels,
    judge_lasting,
    judge_ratio,
    judge_score,
    judge_slope,
    percent,
    verdict_of,
)

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]
Mask = NDArray[np.bool_]

#: What was decided at training and makes the question; the rest of the policy is today's.
HORIZONS = ("late_after_days", "still_open_days", "write_off_horizon_days")
#: Cohorts with fewer rows are shown and not judged for drift.
FEWEST_ROWS = 200
#: Realised metrics that are shown beside the estimated ones.
REALISED = ("prevalence", "roc_auc", "brier", "brier_skill", "balance_recall_at_10")
#: A rebuilt training set that differs by more than this share from the recorded one is spoken of.
REBUILT_WITHIN = 0.02


@dataclass(frozen=True)
class Monitoring:
    """What was seen of one target's champion.

    Attributes
    ----------
    verdict : {'quiet', 'retraining worthwhile', 'alarm'}
    report : dict
        Plain values: what `duecast monitor --json` prints.
    """

    verdict: Verdict
    report: dict[str, Any]


@dataclass(frozen=True)
class _Rows:
    """All rows of a target up to the end of the log, before and after training."""

    matrix: Matrix
    p: Floats
    y: Floats  # NaN: not matured, or closed by credit note
    matured: Mask  # the window is finished; credited rows too
    balance: Floats
    customer: NDArray[np.int32]
    month: Whole  # of the cutoff, counted from 1970-01
    matures: Whole  # month in which the label does
    trained: Mask  # the model was trained on it
    before: Mask  # seen before training ended
    current: Mask  # seen since
    n_rebuilt: int  # rows that the log gives of those trained on; of a curve, pairs
    prevalence: float  # share of positives in training; of a curve, at the watched horizon

    @property
    def invoice(self) -> NDArray[np.int32]:
        return self.matrix.snapshots.invoice

    def quality_of(self, rows: Mask) -> tuple[Floats, Floats, NDArray[np.int32]]:
        """Outcome, probability and customer of some rows."""
        return self.y[rows], self.p[rows], self.customer[rows]


def monitor(
    log: EventLog,
    model: RiskModel,
    policy: Policy,
    rates: Rates,
    *,
    since: int | None = None,
    progress: Progress = lambda _: None,
) -> Monitoring:
    """Compare what has come since training with what a model was trained on.

    Parameters
    ----------
    log : EventLog
        Reaching from before the training period to now.
    model : RiskModel
        The champion of its target.
    policy : Policy
        Today's; the horizons are the model's own.
    since : int, optional
        Look at cutoffs from here on; never before the end of training, whose rows the model knows.

    Raises
    ------
    DataError
        If the log ends before the training does, holds none of the rows trained on, or none since.
    """
    train_until = micros(model.facts["train_until"])
    begin = max(train_until, since or train_until)
    if log.ends_at < begin:
        raise DataError(
            f"The log ends on {_day(log.ends_at)}, and {model.target} is to be watched from "
            f"{_day(begin)} on (it was trained on what was known until {_day(train_until)}). "
            "Hand in a later log."
        )
    progress("features")
    rows = _gather(log, model, policy, rates, train_until, begin)
    _refuse_nothing(rows, model, begin)
    progress("drift")
    calendar = _calendar(rows)
    score = _drift_of_column(rows, calendar, rows.p)
    features = _features(rows, model, calendar)
    progress("calibration")
    cohorts = [_cohort(rows, name, drift) for name, drift in score.items()]
    judged = {month_name(name): score[name] for name in calendar.judged}
    rulings = [
        judge_score(list(judged), list(judged.values())),
        judge_features(features),
        *_judge_calibration(rows, model.target),
        judge_labels(int(rows.trained.sum()), int((~np.isnan(rows.y) & ~rows.trained).sum())),
    ]
    verdict = verdict_of(rulings)
    report = {
        "target": model.target,
        "question": _question(model),
        "verdict": verdict,
        "rules": [ruling.as_dict() for ruling in rulings],
        "train_until": timestamp(train_until).isoformat(),
        "since": timestamp(begin).isoformat(),
        "log_end": timestamp(log.ends_at).isoformat(),
        "snapshots": model.facts["rhythm"],
        "n_train": int(model.facts["n_train"]),
        "n_train_rebuilt": rows.n_rebuilt,
        "prevalence_train": rows.prevalence,
        "n_rows": int(rows.current.sum()),
        "n_matured": int((rows.current & ~np.isnan(rows.y)).sum()),
        "intervals_by": "customers" if log.has_customers else "invoices",
        "notes": _notes(rows, model),
        "cohorts": cohorts,
        "score_moved": _score_moved(rows),
        "features": features,
    }
    return Monitoring(verdict, report)


def _gather(
    log: EventLog, model: RiskModel, policy: Policy, rates: Rates, train_until: int, begin: int
) -> _Rows:
    """Every row of the target with its features, its score and, where matured, its label."""
    is_curve = model.target == CURVE
    rhythm: Rhythm = model.facts["rhythm"]
    asked = policy.changed(**{name: model.facts["policy"][name] for name in HORIZONS})
    ledger = keep_ledger(log, asked)
    snapshots = take_snapshots(log, ledger, rhythm, None, log.ends_at + 1)
    if is_curve:
        labels = label_at_horizon(ledger, snapshots, log.ends_at)
    else:
        labels = label(cast(Target, model.target), ledger, snapshots, asked, log.ends_at)
    seen = snapshots.take(labels.asked)
    y, window_end = labels.y[labels.asked], labels.window_end[labels.asked]
    matrix = build_matrix(log, seen, model.encoding, asked, rates)
    matrix = at_horizon(matrix) if is_curve else matrix
    known = ~np.isnan(y)
    trained = known & (seen.cutoff < train_until) & (window_end < train_until)
    n_rebuilt = int(trained.sum())
    prevalence = float(model.facts["prevalence"])
    if is_curve:
        n_rebuilt = pairs_known(ledger, snapshots, train_until)
        prevalence = float(y[trained].mean()) if trained.any() else prevalence
    return _Rows(
        matrix=matrix,
        p=model.probability(matrix),
        y=y,
        matured=window_end <= log.ends_at,
        balance=np.nan_to_num(matrix["balance"].astype(np.float64)),
        customer=log.invoice_customer[seen.invoice] if log.has_customers else seen.invoice,
        month=_month(seen.cutoff),
        matures=_month(window_end),
        trained=trained,
        before=seen.cutoff < train_until,
        current=seen.cutoff >= begin,
        n_rebuilt=n_rebuilt,
        prevalence=prevalence,
    )


def _question(model: RiskModel) -> str:
    if model.target == CURVE:
        return CURVE_QUESTION
    return QUESTION[model.target].format(**model.facts["policy"])


def _month(moment: Whole) -> Whole:
    days = (moment // DAY).astype("datetime64[D]")
    return days.astype("datetime64[M]").astype(np.int64)


def month_name(month: int) -> str:
    """A month counted from 1970-01, as 2024-05."""
    return str(np.datetime64(month, "M"))


def _day(moment: int) -> str:
    return f"{timestamp(moment):%Y-%m-%d}"


def _refuse_nothing(rows: _Rows, model: RiskModel, begin: int) -> None:
    if not rows.current.any():
        raise DataError(
            f"{model.target}: no invoice asks its question at any {model.facts['rhythm']} cutoff "
            f"from {_day(begin)} to the end of the log. Hand in a later log."
        )
    if not rows.trained.any():
        raise DataError(
            f"{model.target}: the log holds none of the {model.facts['n_train']:,} rows that the "
            f"model was trained on, until {model.facts['train_until'][:10]}. Hand in a log that "
            "reaches back to them: drift is measured against them."
        )


def _notes(rows: _Rows, model: RiskModel) -> list[str]:
    """What a reader has to know before the figures."""
    notes = []
    expected, rebuilt = int(model.facts["n_train"]), rows.n_rebuilt
    if abs(rebuilt - expected) > REBUILT_WITHIN * expected:
        notes.append(
            f"The log gives {rebuilt:,} of the training's rows, the model was trained on "
            f"{expected:,}: it begins elsewhere, or was corrected since."
        )
    if not (rows.current & ~np.isnan(rows.y)).any():
        notes.append(
            "No label has matured since training: calibration and quality cannot be judged yet."
        )
    return notes


@dataclass(frozen=True)
class _Calendar:
    """The months of the rows, for drift: what is the same for every column."""

    month: Whole  # of each row, counted from the first
    n_trained: int  # months up to the last with a training row
    n_before: int
    cohorts: dict[int, int]  # months since training, counted from 1970-01, and from the first
    sizes: dict[int, tuple[float, float]]  # independent rows in training and in each cohort
    judged: list[int]  # cohorts with rows enough to judge drift by


def _calendar(rows: _Rows) -> _Calendar:
    first = int(rows.month.min())
    month = rows.month - first
    names = np.unique(rows.month[rows.current]).tolist()
    reference = effective_size(rows.customer[rows.trained])
    here = {name: rows.current & (rows.month == name) for name in names}
    return _Calendar(
        month=month,
        n_trained=int(month[rows.trained].max()) + 1,
        n_before=int(month[rows.before].max()) + 1,
        cohorts={name: name - first for name in names},
        sizes={n: (reference, effective_size(rows.customer[mask])) for n, mask in here.items()},
        judged=[name for name, mask in here.items() if mask.sum() >= FEWEST_ROWS],
    )


def _drift_of_column(
    rows: _Rows,
    calendar: _Calendar,
    values: NDArray[np.floating],
    levels: int = 0,
    unknown: float | None = ACT,
) -> dict[int, Drift]:
    """How far a column, or the score, has moved in each cohort; see `training.drift.drift_of`."""
    bins = bins_of(values[rows.trained], levels)
    bin_of, month = bins.of(values), calendar.month
    trained = tally(bin_of[rows.trained], month[rows.trained], bins.n, calendar.n_trained)
    before = tally(bin_of[rows.before], month[rows.before], bins.n, calendar.n_before)
    now = tally(bin_of[rows.current], month[rows.current], bins.n, int(month.max()) + 1)
    found = {}
    for name, at in calendar.cohorts.items():
        usual = moved_in_training(trained, before, at - calendar.n_trained + 1, FEWEST_ROWS)
        sizes = calendar.sizes[name]
        found[name] = drift_of(trained.sum(axis=0), now[at], sizes, usual, unknown)
    return found


def _features(rows: _Rows, model: RiskModel, calendar: _Calendar) -> list[dict[str, Any]]:
    """Drift of every feature, the most important first."""
    say = importance(model, rows.matrix.take(np.flatnonzero(rows.trained)))
    share = say.set_index("feature")["share"]
    judged = calendar.judged
    late = rows.current & np.isin(rows.month, judged[-RUNNING:] or list(calendar.cohorts))
    found = []
    for name in model.columns:
        values, words = rows.matrix[name], model.encoding.levels.get(name, ())
        levels = max(len(words), 1) if name in model.categories else 0
        feature = feature_of(name, model.encoding.attributes.get(name, "number"))
        # Peers' rates are one value a group and cutoff: their few values always differ.
        unknown = None if feature.family == "peers" else BLIND
        drift = _drift_of_column(rows, calendar, values, levels, unknown)
        found.append(
            {
                "name": name,
                "said": feature.said,
                "unit": feature.unit,
                "importance": float(share[name]),
                "drifts": in_a_row([drift[m].drifts for m in judged], RUNNING),
                "moved": what_moved(values[rows.trained], values[late], feature.unit, words),
                "cohorts": {month_name(m): asdict(each) for m, each in drift.items()},
            }
        )
    return sorted(found, key=lambda f: -f["importance"])


def what_moved(
    reference: NDArray[np.floating],
    current: NDArray[np.floating],
    unit: str,
    levels: tuple[str, ...] = (),
) -> str:
    """What is different now, in words: the median or a level's share, and missing values.

    Parameters
    ----------
    reference, current : ndarray of floats, shape (n,) and (m,)
        NaN is missing; categories are codes into ``levels``.
    """
    absent = [float(np.isnan(values).mean()) for values in (reference, current)]
    if min(absent) == 1.0:
        return "missing throughout"
    told = []
    if abs(absent[1] - absent[0]) >= 0.05 or max(absent) == 1.0:
        told.append(f"missing {percent(absent[0])} → {percent(absent[1])}")
    known = [values[~np.isnan(values)].astype(np.float64) for values in (reference, current)]
    if min(len(values) for values in known) == 0:
        return ", ".join(told)
    if levels or unit == "category":
        told.append(_level_moved(known[0], known[1], levels))
    elif unit == "yes/no":
        told.append(f"yes {percent(known[0].mean())} → {percent(known[1].mean())}")
    else:
        told.append(_number_moved(known[0], known[1], unit))
    return ", ".join(told)


def _level_moved(reference: Floats, current: Floats, levels: tuple[str, ...]) -> str:
    n = int(max(reference.max(), current.max())) + 1
    was, is_now = (np.bincount(v.astype(np.int64), minlength=n) for v in (reference, current))
    at, share, now = most_moved(was.astype(np.float64), is_now.astype(np.float64))
    named = levels[at] if at < len(levels) else f"level {at}"
    return f"'{named}' {percent(share)} → {percent(now)}"


def _number_moved(reference: Floats, current: Floats, unit: str) -> str:
    middle = [float(np.median(values)) for values in (reference, current)]
    if middle[0] != middle[1]:
        return f"median {_amount(middle[0], unit)} → {_amount(middle[1], unit)}"
    bins: Bins = bins_of(reference)
    was, is_now = (np.bincount(bins.of(v), minlength=bins.n) for v in (reference, current))
    at, share, now = most_moved(was.astype(np.float64), is_now.astype(np.float64))
    low = f"above {_amount(bins.edges[at - 1], unit)}" if at else ""
    high = f"up to {_amount(bins.edges[at], unit)}" if at < len(bins.edges) else ""
    return f"{' '.join(filter(None, (low, high)))}: {percent(share)} → {percent(now)}"


def _amount(value: float, unit: str) -> str:
    if unit == "share":
        return percent(value, 1)
    words = {"days": " days", "money": ""}.get(unit, "")
    return f"{value:,.4g}{words}" if abs(value) < 10_000 else f"{value:,.0f}{words}"


def _score_moved(rows: _Rows) -> str:
    return what_moved(rows.p[rows.trained], rows.p[rows.current], "share")


def _cohort(rows: _Rows, name: int, score: Drift) -> dict[str, Any]:
    """One scoring cohort: how many, how far its score has moved, how it turned out."""
    here = rows.current & (rows.month == name)
    known = here & ~np.isnan(rows.y)
    y, p, customer = rows.quality_of(known)
    realised = metrics(y, p, rows.balance[known], rows.prevalence) if known.any() else {}
    return {
        "cohort": month_name(name),
        "rows": int(here.sum()),
        "matured": int(known.sum()),
        "share_matured": float(rows.matured[here].mean()),
        "credited": int((here & rows.matured & np.isnan(rows.y)).sum()),
        "observed": int(y.sum()),
        "expected": float(p.sum()),
        "observed_to_expected": _figure_told(observed_to_expected(y, p, customer)),
        "slope": _figure_told(slope_of(y, p, customer)),
        "ece": realised.get("ece"),
        "realised": {metric: realised.get(metric) for metric in REALISED},
        "estimated_of_matured": _estimated(rows, known),
        "estimated": _estimated(rows, here),
        "score": asdict(score),
    }


def _figure_told(figure: Figure | None) -> dict[str, float] | None:
    if figure is None:
        return None
    return {"estimate": figure.estimate, "low": figure.low, "high": figure.high}


def _estimated(rows: _Rows, some: Mask) -> dict[str, dict[str, float] | None] | None:
    if not some.any():
        return None
    found = estimate_quality(rows.p[some], rows.balance[some], rows.invoice[some], rows.prevalence)
    return {
        name: None if np.isnan(estimate.estimate) else asdict(estimate)
        for name, estimate in found.items()
    }


def _judge_calibration(rows: _Rows, target: str) -> list[Ruling]:
    """The rules about matured labels, whether they fired or not."""
    matured = rows.current & ~np.isnan(rows.y)
    y, p, customer = rows.quality_of(matured)
    cohort = rows.month[matured]
    known = [month_name(m) for m in np.unique(cohort).tolist()]
    together = latest(cohort, TOGETHER)
    late = y[together], p[together], customer[together]
    span = f"{known[-TOGETHER:][0]} to {known[-1]}" if known else ""
    swing = swing_of(*rows.quality_of(rows.trained), rows.matures[rows.trained])
    lasting = lasting_shift(y, p, customer, rows.matures[matured], swing)
    return [
        judge_ratio(observed_to_expected(*late, RATIO_CONFIDENCE), span, target),
        judge_slope(slope_of(*late, SLOPE_CONFIDENCE), span, target),
        judge_lasting(lasting, month_name(lasting.since) if lasting else "", target),
    ]


def series_of(report: dict[str, Any]) -> dict[str, dict[int, float]]:
    """Figures by cohort for a run's record: name to month, as 202405, to value."""
    found: dict[str, dict[int, float]] = {}
    for cohort in report["cohorts"]:
        month = int(cohort["cohort"].replace("-", ""))
        figures = {
            "rows": cohort["rows"],
            "share_matured": cohort["share_matured"],
            "score_psi": cohort["score"]["psi"],
            "ece": cohort["ece"],
            "observed_to_expected": (cohort["observed_to_expected"] or {}).get("estimate"),
            "slope": (cohort["slope"] or {}).get("estimate"),
        }
        figures |= {f"realised.{name}": value for name, value in cohort["realised"].items()}
        estimated = cohort["estimated"] or {}
        figures |= {f"estimated.{n}": each["estimate"] for n, each in estimated.items() if each}
        for name, value in figures.items():
            if value is not None and np.isfinite(value):
                found.setdefault(name, {})[month] = float(value)
    return found
