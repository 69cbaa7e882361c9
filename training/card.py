"""The model card: what a version answers, for whom, how good it is, and where that ends.

One Markdown text, and the same as one HTML page with its figures inside. Everything on it is read
from the model's own files, the test report and what the run recorded, so that the card of any
version can be written again at any time. What belongs on one: Mitchell et al. 2019 (Model Cards for
Model Reporting, https://doi.org/10.1145/3287560.3287596).
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eventlog.errors import DataError
from training import card_curve
from training import card_origin as origin
from training import card_quality as quality
from training.card_page import card_html, templates
from training.card_words import (
    ASKED_OF,
    DASH,
    METRIC,
    METRICS,
    OTHER_USES,
    USES,
    code,
    count,
    cut_said,
    day,
    percent,
    plain,
    rows_said,
    table,
)
from training.caveats import FEW, limits
from training.labels import QUESTION
from training.model import RiskModel
from training.registry import Version, fingerprint, model_name

#: Where known figures stand, in their order, and what each shows.
CAPTIONS = {
    "reliability": (
        "good",
        "Reliability: observed share against predicted probability, bins of equally many test "
        "rows. On the line is perfect.",
    ),
    "recall": (
        "good",
        "Recall in money: share of the positives' open balance reached against share of invoices "
        "called, for the model and every baseline.",
    ),
    "cash": ("good", "Cash that came in, beside what the forecasts had said."),
    "origins": ("good", "Figures origin by origin."),
    "differences": ("beside", "The model less each baseline, with 95 % intervals."),
    "capacity": ("capacity", "Balance reached, and cost, against the calls that a team makes."),
    "prefixes": ("where", "ROC AUC by the number of events seen and by the days since posting."),
    "importance": (
        "features",
        "Importance: the columns that matter most, first; the axis says how it is measured.",
    ),
}
#: Pictures of groups of rows, and where pictures stand that are not known by name.
_OF_GROUPS, _OTHERS = "reliability_by_", "good"


@dataclass(frozen=True)
class Figure:
    """A picture of a card.

    Attributes
    ----------
    path : Path
    link : str
        How the Markdown links it.
    place : {'good', 'beside', 'capacity', 'calibration', 'where', 'features'}
        In which part of the card it stands.
    caption : str
    """

    path: Path
    link: str
    place: str
    caption: str


def card_texts(
    model: RiskModel,
    version: Version,
    record: Mapping[str, Any],
    *,
    report: Mapping[str, Any] | None = None,
    figures: Path | None = None,
    decisions: Sequence[Mapping[str, str]] = (),
) -> dict[str, str]:
    """The card of a version as files to keep beside the folder ``figures`` of its run.

    Parameters
    ----------
    model : RiskModel
    version : Version
        Its number, aliases and tags; those that begin with ``promot`` or ``rolled_back`` are shown.
    record : mapping of str to value
        What the run recorded. ``log``, ``log_fingerprint``, ``log_events``, ``log_invoices``,
        ``log_first_event``, ``log_last_event``, ``n_credited``, ``n_window_unfinished``,
        ``untested``, ``leakage_override`` and ``libraries`` are used; what is not there is said to
        be not recorded.
    report : mapping, optional
        Of `training.backtest.run_backtest`; None where the version was never tested.
    figures : Path, optional
        Folder of PNG files.
    decisions : sequence of mappings
        Of `training.registry.decisions_about`.

    Returns
    -------
    dict of str to str
        ``card.md`` and ``card.html``.
    """
    text = card_markdown(
        model, version, record, report=report, figures=figures, decisions=decisions
    )
    return {"card.md": text, "card.html": card_html(text, figures)}


def write_card(
    path: Path,
    model: RiskModel,
    version: Version,
    record: Mapping[str, Any],
    *,
    report: Mapping[str, Any] | None = None,
    figures: Path | None = None,
    decisions: Sequence[Mapping[str, str]] = (),
) -> None:
    """Write the card of a version to a file of its own; see `card_texts`.

    Parameters
    ----------
    path : Path
        An ``.html`` file holds its figures; beside an ``.md`` file they are put into the folder
        NAME_figures.

    Raises
    ------
    DataError
        If the file's name ends in neither.
    """
    check_name(path)
    folder = f"{path.stem}_figures"
    text = card_markdown(
        model, version, record, report=report, figures=figures, decisions=decisions, folder=folder
    )
    if path.suffix == ".html":
        text = card_html(text, figures)
    else:
        for figure in _figures(figures, folder):
            (path.parent / folder).mkdir(exist_ok=True)
            shutil.copy(figure.path, path.parent / figure.link)
    path.write_text(text, encoding="utf-8")


def check_name(path: Path) -> None:
    """Refuse a file for a card whose name ends in neither ``.md`` nor ``.html``.

    Raises
    ------
    DataError
        If it does not.
    """
    if path.suffix not in (".md", ".html"):
        raise DataError(f"'{path.name}' is neither .md nor .html. Choose one of them.")


def card_markdown(
    model: RiskModel,
    version: Version,
    record: Mapping[str, Any],
    *,
    report: Mapping[str, Any] | None = None,
    figures: Path | None = None,
    decisions: Sequence[Mapping[str, str]] = (),
    folder: str = "figures",
) -> str:
    """The card as Markdown; ``folder`` is where its links look for the figures."""
    asked = QUESTION.get(model.target, "not written down")
    question = asked.format(**model.facts["policy"])
    untested = plain(str(record.get("untested") or "no reason was recorded")).rstrip(".")
    words: dict[str, Any] = {
        "target": plain(model.target.replace("_", " ")),
        "version": version,
        "registered_name": model_name(model.target),
        "asked_of": ASKED_OF.get(model.target, "open invoices"),
        "question": plain(question),
        "override": plain(record.get("leakage_override") or ""),
        "untested": untested,
        "brief": _brief(model, version, record, report),
        "uses": USES.get(model.target, OTHER_USES),
        "report": report,
        "data": origin.data_table(model, record),
        "left_out_words": origin.left_out_words(record),
        "features_words": origin.features_words(model),
        "families": origin.families(model),
        "n_top": min(origin.TOP, len(model.columns)),
        "top": origin.top_features(model),
        "importance_words": origin.importance_words(model),
        "barred": origin.barred(model),
        "made_words": origin.made_words(model),
        "parameters": origin.parameters(model),
        "limits": limits(model, record, report),
        "aliases": ", ".join(code(alias) for alias in version.aliases) or "none",
        "promotion": _promotion(version, decisions),
        "command": origin.command(model, record),
        "log_fingerprint": code(record.get("log_fingerprint", "not recorded")),
        "fingerprint": code(fingerprint(model)),
        "libraries": plain(record.get("libraries") or "not recorded"),
        "few": FEW,
        "metrics": METRICS,
        "figures": _figures(figures, folder),
    }
    words["curve"] = _curve(report) if report and "by_horizon" in report else None
    if report and words["curve"] is None:
        words |= {
            "split": quality.split_words(report),
            "headline": quality.headline(report),
            "intervals_words": quality.intervals_words(report),
            "beside": quality.beside(report),
            "differences": quality.differences(report),
            "calibration_words": quality.calibration_words(report),
            "months": quality.months(report),
            "slices": quality.slices(report),
            "capacity": quality.capacity(report),
            "left_out": quality.left_out_words(report),
        }
    text = templates().get_template("card.md.jinja").render(words)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def _curve(report: Mapping[str, Any]) -> dict[str, str]:
    return {
        "split": card_curve.split_words(report),
        "horizons": card_curve.horizons(report),
        "buckets": card_curve.buckets(report),
        "dates": card_curve.dates_words(report),
        "cash": card_curve.cash(report),
    }


def _brief(
    model: RiskModel,
    version: Version,
    record: Mapping[str, Any],
    report: Mapping[str, Any] | None,
) -> str:
    """What to know before anything else."""
    facts = model.facts
    aliases = f" ({', '.join(version.aliases)})" if version.aliases else ""
    rows = [
        ("Version", f"{version.version}{aliases}, run {code(version.run_id)}"),
        (
            "Learned from",
            f"{rows_said(facts['n_train'], facts['positives'])}, of "
            f"{code(record.get('log') or 'a log whose name was not recorded')}, decided before "
            f"{day(facts['train_until'])}",
        ),
        ("Tested on", "nothing: untested"),
    ]
    if report and "metrics" not in report:
        rows[-1] = ("Tested on", f"{count(report['n_test'], 'rows')}, see below")
    elif report:
        found = report["metrics"]
        calibration = (
            f"{percent(found.get('mean_p'))} expected on average, "
            f"{percent(found.get('prevalence'))} observed; ECE "
            f"{METRIC['ece'].said(found.get('ece'))}"
        )
        tested = (
            f"{rows_said(report['n_test'], report['positives'])}, cutoffs from "
            f"{quality.tested_from(report)} on and before {day(report['test_until'])}"
        )
        rows[-1] = ("Tested on", tested)
        rows += [
            ("Ranking", quality.against_best(report, METRIC["roc_auc"])),
            ("Money", quality.against_best(report, METRIC["balance_recall_at_10"])),
            ("Calibration", calibration),
        ]
    rows.append(("Fingerprint", f"SHA-256 {code(fingerprint(model))}"))
    return table(("", ""), rows)


def _promotion(version: Version, decisions: Sequence[Mapping[str, str]]) -> str:
    """What is on record about the version's promotion; empty if nothing is."""
    tagged = [
        (plain(name.replace("_", " ")), plain(value) or DASH)
        for name, value in sorted(version.tags.items())
        if name.startswith(("promot", "rolled_back"))
    ]
    decided = [
        (
            plain(each.get("when", DASH)),
            plain(each.get("decision", DASH)),
            _against(each),
            _compared(each),
            plain(each.get("reason", "")) or DASH,
        )
        for each in decisions
    ]
    headings = ("when (UTC)", "decision", "champion before", "compared on", "reason")
    return "\n\n".join(
        [table(("on record", ""), tagged)] * bool(tagged)
        + [table(headings, decided)] * bool(decided)
    )


def _against(decision: Mapping[str, str]) -> str:
    before = decision.get("champion_before") or decision.get("from_version") or ""
    return f"version {plain(before)}" if before.isdigit() else "none"


def _compared(decision: Mapping[str, str]) -> str:
    """The rows that a decision rests on."""
    n = decision.get("n", "")
    if not n.isdigit():
        return DASH
    since, until = day(decision.get("since", DASH)), day(decision.get("until", DASH))
    return f"{count(int(n), 'rows')}, cutoffs from {since} on and before {until}"


def _figures(figures: Path | None, folder: str) -> list[Figure]:
    """The pictures of a folder, known ones first."""
    found = {path.stem: path for path in sorted(figures.glob("*.png"))} if figures else {}
    names = [*(n for n in CAPTIONS if n in found), *(n for n in found if n not in CAPTIONS)]
    return [
        Figure(found[name], f"{folder}/{found[name].name}", *_place_and_caption(name))
        for name in names
    ]


def _place_and_caption(name: str) -> tuple[str, str]:
    if name in CAPTIONS:
        return CAPTIONS[name]
    if name.startswith(_OF_GROUPS):
        return "calibration", f"Reliability by {cut_said(name.removeprefix(_OF_GROUPS))}."
    return _OTHERS, f"{name.replace('_', ' ').capitalize()}."
