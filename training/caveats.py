"""What a reader of a model's figures has to be told: limits found in its test, and standing ones.

Every sentence about a test carries the figures that it rests on. The bounds are those that a
promotion asks for: calibration error at most 0.2 × the share of positives, observed over expected
from 0.8 to 1.25, slope from 0.8 to 1.2.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from training.card_words import METRIC, baseline_said, count, cut_said, percent, plain
from training.model import RiskModel

#: Fewer positives, or negatives, than this make a group's figures "few cases".
FEW = 30
#: Fewer positives, or negatives, than this make the whole test's figures shaky.
FEW_IN_TEST = 200
#: Largest calibration error, as a share of the prevalence.
MOST_ECE = 0.2
LEVEL, SLOPE = (0.8, 1.25), (0.8, 1.2)
#: Share of positives in test over that in training beyond which the level has moved.
MOVED = (2 / 3, 1.5)
#: Groups that are named as worse.
MOST_GROUPS = 12
#: Loss in ROC AUC of a group against the whole that is worth saying.
WORSE_AUC = 0.05

_STANDING = (
    "A feature's importance tells what the model uses, not what causes an outcome.",
    "The log is taken as it is: what was extracted late, changed in the source or left out of the "
    "extract is not seen. Invoices that never reach the log are in no figure.",
    "The labels follow the policy above. Another number of days is another question and needs "
    "another training.",
    "Rows of one invoice at several cutoffs are not independent cases; intervals are resampled by "
    "customer (or invoice) for that reason, plain counts are not corrected.",
)


def is_few(group: Mapping[str, Any]) -> bool:
    """Whether a group's figures rest on too few positives or negatives."""
    positives = int(group.get("positives") or 0)
    return min(positives, int(group.get("n") or 0) - positives) < FEW


def limits(
    model: RiskModel, record: Mapping[str, Any], report: Mapping[str, Any] | None
) -> list[str]:
    """Known limits of a version, those found in its test first.

    Parameters
    ----------
    record : mapping
        What the version's run recorded.
    report : mapping, optional
        Its test; None where it was not tested.
    """
    found = list(_of_test(model, report)) if report else []
    if record.get("leakage_override"):
        found.append(
            "The leakage linter objected and was overridden: "
            f"“{plain(record['leakage_override'])}”."
        )
    if model.facts.get("calibration") == "identity":
        found.append(
            "The probabilities are the trees' own: no calibrator lowered the log loss of later "
            "stretches, or the log was too short to try one."
        )
    return [*found, *_STANDING]


def _of_test(model: RiskModel, report: Mapping[str, Any]) -> Iterator[str]:
    yield from _refitted(model, report)
    found = report.get("metrics")
    if found is None:
        return
    yield from _few(report)
    yield from _level(found, report)
    yield from _beaten(found, report)
    yield from _undecided(report)
    groups = list(_groups(found, report))
    yield from groups[:MOST_GROUPS]
    if len(groups) > MOST_GROUPS:
        yield f"{len(groups) - MOST_GROUPS} more such remarks about groups: see the tables above."
    if "invoice" in report.get("slices", {}):
        yield (
            "The log names no customers: every invoice stands for its own, customer features are "
            "missing, and intervals are resampled by invoice."
        )


def _refitted(model: RiskModel, report: Mapping[str, Any]) -> Iterator[str]:
    test, final = str(report["train_until"])[:10], str(model.facts.get("train_until", ""))[:10]
    since = str(report.get("test_since") or test)[:10]
    if final and final != test:
        yield (
            f"The figures are those of the same recipe trained on what was known before {test}; "
            f"the version itself was then refitted on everything known before {final} and cannot "
            "have a test of its own yet."
        )
    if len(report.get("origins") or ()) > 1:
        return
    yield (
        f"One stretch was tested, {since} to {str(report['test_until'])[:10]}; another season or "
        "another mood of the economy may differ."
    )


def _few(report: Mapping[str, Any]) -> Iterator[str]:
    positives, n = int(report["positives"]), int(report["n_test"])
    if min(positives, n - positives) < FEW_IN_TEST:
        kind, k = (
            ("positives", positives) if positives <= n - positives else ("others", n - positives)
        )
        yield f"The test holds {k:,} {kind} only; read its figures with their intervals."


def _level(found: Mapping[str, Any], report: Mapping[str, Any]) -> Iterator[str]:
    observed, expected, ece = found.get("prevalence"), found.get("mean_p"), found.get("ece")
    if observed and expected and _off(found):
        way = "too low" if observed > expected else "too high"
        yield (
            f"The level was {way}: {percent(expected)} expected on average, {percent(observed)} "
            f"observed ({observed / expected:.2f} × the expected; "
            f"{LEVEL[0]} to {LEVEL[1]} is asked for)."
        )
    if observed and ece is not None and ece > max(MOST_ECE * observed, found.get("ece_noise") or 0):
        yield (
            f"Calibration error {METRIC['ece'].said(ece)} is {ece / observed:.2f} × the share of "
            f"positives ({percent(observed)}), above the {MOST_ECE} × asked for."
        )
    slope = found.get("slope")
    if slope is not None and not SLOPE[0] <= slope <= SLOPE[1]:
        way = "spread too far" if slope < 1 else "drawn together too much"
        yield (
            f"The probabilities are {way}: calibration slope {slope:.2f} "
            f"({SLOPE[0]} to {SLOPE[1]} is asked for)."
        )
    trained = report["positives_train"] / max(report["n_train"], 1)
    if observed and trained and not MOVED[0] <= observed / trained <= MOVED[1]:
        yield (
            f"The share of positives moved from {percent(trained)} in training to "
            f"{percent(observed)} in the test."
        )


def _beaten(found: Mapping[str, Any], report: Mapping[str, Any]) -> Iterator[str]:
    for name, rival in report["baselines"].items():
        better = [
            f"{metric.heading} ({metric.said(rival[key])} against the model's "
            f"{metric.said(found[key])})"
            for key, metric in METRIC.items()
            if metric.better != "near 1"
            and found.get(key) is not None
            and rival.get(key) is not None
            and metric.beats(rival[key], found[key])
        ]
        if better:
            said = baseline_said(name)
            yield f"{said[0].upper()}{said[1:]}: better in {', '.join(better)}."


def _undecided(report: Mapping[str, Any]) -> Iterator[str]:
    """Baselines that the model is not shown to beat in ROC AUC."""
    over = report.get("differences", {}).get("over", {})
    for name, pairs in over.items():
        gain = pairs.get("roc_auc", {})
        if gain and gain["estimate"] > 0 >= gain["low"]:
            yield (
                f"Not shown to rank better than {baseline_said(name)}: ROC AUC "
                f"{gain['estimate']:+.3f}, 95 % interval {gain['low']:+.3f} to {gain['high']:+.3f}."
            )


def _groups(found: Mapping[str, Any], report: Mapping[str, Any]) -> Iterator[str]:
    """Groups that are ranked clearly worse, or whose level is off by more than the whole's."""
    whole, off = found.get("roc_auc"), _off(found)
    for cut, groups in report.get("slices", {}).items():
        if cut == "cutoff" or len(groups) < 2:
            continue
        for name, group in groups.items():
            if is_few(group):
                continue
            said = f"“{plain(name)}” by {cut_said(cut)} ({count(group['n'], 'rows')})"
            auc = group.get("roc_auc")
            if auc is not None and whole is not None and auc < whole - WORSE_AUC:
                yield f"Ranks worse for {said}: ROC AUC {auc:.3f} against {whole:.3f} overall."
            if _off(group) not in (0, off):
                yield (
                    f"Level off for {said}: {percent(group['mean_p'])} expected, "
                    f"{percent(group['prevalence'])} observed."
                )


def _off(found: Mapping[str, Any]) -> int:
    """1 where more was observed than the bounds allow, -1 where less, 0 where neither."""
    observed, expected = found.get("prevalence"), found.get("mean_p")
    if observed is None or not expected:
        return 0
    ratio = observed / expected
    return int(ratio > LEVEL[1]) - int(ratio < LEVEL[0])
