"""The parts of a model card that say where a version comes from: data, features, parameters."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from eventlog.policy import Policy
from eventlog.template import ATTRIBUTES
from features.catalogue import Feature, feature_of
from training.card_words import (
    DASH,
    code,
    count,
    day,
    number,
    percent,
    plain,
    rows_said,
    table,
    with_unit,
)
from training.importance import is_recorded, recorded_importance
from training.model import RiskModel

#: Columns listed by their importance.
TOP = 20
#: Units of the policy's numbers; a number whose name ends in ``_days`` is one of days.
_POLICY_UNIT = {
    "dunning_days": "days past due",
    "settled_tolerance": "of the invoice's currency",
    "dunning_min_balance": "of the invoice's currency",
    "annual_rate": "a year",
}
#: Policy numbers that `duecast train` takes as options.
_OPTIONS = ("late_after_days", "still_open_days", "write_off_horizon_days")
_LEFT_OUT = {
    "n_credited": "closed by credit note inside the window, neither paid nor late",
    "n_window_unfinished": "whose window was not over at the end, whatever had happened in it",
}
_PARAMETERS = {
    "learning_rate": "shrinkage of each tree",
    "num_leaves": "leaves of a tree, at most",
    "min_data_in_leaf": "rows of a leaf, at least",
    "feature_fraction": "share of the columns that a tree may use",
    "bagging_fraction": "share of the rows that a tree is grown on",
    "bagging_freq": "trees until other rows are drawn",
    "lambda_l2": "L2 penalty on leaf values",
    "max_bin": "bins of a column, at most",
    "cat_smooth": "smoothing of category statistics",
    "cat_l2": "L2 penalty on category splits",
    "seed": "of the first booster; the others count on from it",
    "num_threads": "0 is every core; the trees do not depend on it",
}


def data_table(model: RiskModel, record: Mapping[str, Any]) -> str:
    """The log and the rows that a version learned from, and the policy that labelled them."""
    facts = model.facts
    policy = facts["policy"]
    span = [str(record.get(name, ""))[:10] for name in ("log_first_event", "log_last_event")]
    rows = [
        ("Log", code(record.get("log") or "name not recorded")),
        ("Its fingerprint", code(record.get("log_fingerprint", "not recorded"))),
        ("Size", f"{_recorded(record, 'events')}, {_recorded(record, 'invoices')}"),
        ("First and last event", " to ".join(span) if all(span) else "not recorded"),
        ("Known before", f"{day(facts['train_until'])}; nothing known later was used"),
        ("Rows", f"{rows_said(facts['n_train'], facts['positives'])}, {facts['rhythm']} snapshots"),
        ("Currency of money", plain(policy.get("reporting_currency") or "the invoices' own")),
        ("Policy", "; ".join(_policy(name, value) for name, value in policy.items())),
    ]
    return table(("", ""), rows)


def _recorded(record: Mapping[str, Any], noun: str) -> str:
    value = str(record.get(f"log_{noun}", ""))
    return count(int(value), noun) if value.isdigit() else f"number of {noun} not recorded"


def _policy(name: str, value: Any) -> str:
    items = value if isinstance(value, list | tuple) else [value]
    text = ", ".join(str(item) for item in items) or "none"
    unit = _POLICY_UNIT.get(name, "days" if name.endswith("_days") else "")
    return f"{code(name)} {with_unit(plain(text), unit)}"


def left_out_words(record: Mapping[str, Any]) -> str:
    """Rows that training left out, why, and how many where that was recorded."""
    told = []
    for name, why in _LEFT_OUT.items():
        value = str(record.get(name, ""))
        told.append(f"{count(int(value), 'rows') if value.isdigit() else 'rows'} {why}")
    missing = "" if all(name in record for name in _LEFT_OUT) else " Their number was not recorded."
    return f"Left out of training: {'; '.join(told)}.{missing}"


def _feature(model: RiskModel, name: str) -> Feature:
    return feature_of(name, model.encoding.attributes.get(name, "number"))


def features_words(model: RiskModel) -> str:
    """How many features, and which additional columns are among them."""
    additional = model.encoding.attributes
    named = ", ".join(code(name) for name in additional) or "none"
    of_horizon = [name for name in model.columns if _feature(model, name).family == "horizon"]
    asked = (
        f" {count(len(of_horizon), 'columns')} more hold the horizon that is asked about: "
        f"{', '.join(code(name) for name in of_horizon)}."
        if of_horizon
        else ""
    )
    return (
        f"{len(model.columns) - len(of_horizon):,} columns, each as it was known at the cutoff; "
        f"`duecast features` says what each means.{asked} Additional columns of the log in use: "
        f"{named}."
    )


def families(model: RiskModel) -> str:
    """Families of features with their importance."""
    gained = recorded_importance(model)
    gained["family"] = [_feature(model, name).family for name in gained["feature"]]
    rows = []
    for family, part in gained.groupby("family", sort=False):
        first = [plain(_feature(model, name).said) for name in part["feature"].head(3)]
        share = number(100 * part["share"].sum(), 1)
        rows.append((str(family), number(len(part)), share, "; ".join(first)))
    return table(("family", "columns", "importance (%)", "strongest three"), rows, right=(1, 2))


def top_features(model: RiskModel) -> str:
    """The most important columns, with their usual values."""
    gained = recorded_importance(model).head(TOP)
    rows = []
    for name, share in zip(gained["feature"], gained["share"], strict=True):
        feature = _feature(model, name)
        gain, usual = number(100 * share, 1), _usual(model, feature)
        rows.append((code(name), plain(feature.said), feature.family, gain, usual))
    headings = ("column", "what it says", "family", "importance (%)", "usual")
    return table(headings, rows, right=(3, 4))


def importance_words(model: RiskModel) -> str:
    """What the importance of a column is."""
    if is_recorded(model):
        return (
            "a column's share of the model's say: its mean absolute contribution to the log odds, "
            "over training rows"
        )
    line = ", which leaves out the logistic regression beside them" if model.line else ""
    return f"a column's share of the trees' gain{line}"


def _usual(model: RiskModel, feature: Feature) -> str:
    """Median of a number column with its unit; the most frequent level of a category."""
    if feature.name in model.categories:
        levels = model.encoding.levels.get(feature.name, ())
        return f"most often {plain(levels[0])}" if levels else DASH
    value = model.usual.get(feature.name)
    if feature.unit == "yes/no":
        return DASH if value is None else "yes" if value else "no"
    if feature.unit == "share":
        return percent(value)
    whole = value is not None and value == round(value)
    text = number(value, 0 if whole or abs(value or 0) >= 1000 else 1)
    return with_unit(text, _unit(model, feature, text))


def _unit(model: RiskModel, feature: Feature, text: str) -> str:
    if feature.family == "attribute" and feature.unit == "ratio":
        return "(the log's unit)"
    if feature.unit == "money":
        return plain(model.facts["policy"].get("reporting_currency") or "(invoice currency)")
    if feature.unit == "days":
        return "day" if text == "1" else "days"
    return {"ratio": "×", "count": "", "level": ""}.get(feature.unit, feature.unit)


def barred(model: RiskModel) -> str:
    """Columns that are not used, and why."""
    rows = [
        (code(attribute.name), "an answer: computed when the extract was made")
        for attribute in ATTRIBUTES
        if attribute.answer
    ]
    rows += [(code(name), plain(why)) for name, why in model.encoding.left_out.items()]
    rows += [(code(name), "left out by the recipe") for name in model.left_out]
    return table(("column", "why it is not used"), rows)


def made_words(model: RiskModel) -> str:
    """The kind of model, and its calibrator."""
    trees = sorted({booster.num_trees() for booster in model.boosters})
    span = f"{trees[0]:,}" if len(trees) == 1 else f"{trees[0]:,} to {trees[-1]:,}"
    calibrator = model.calibrator
    line = (
        f"A logistic regression on the same columns has {percent(model.line_share, 0)} of the log "
        "odds, the trees have the rest. "
        if model.line_share
        else ""
    )
    chosen = "The number of trees, that share and the" if line else "The number of trees and the"
    told = (
        f"Gradient-boosted trees (LightGBM, log loss): {count(len(model.boosters), 'boosters')} "
        f"that differ in their seed, {span} trees each, log odds averaged. {line}{chosen} "
        "calibrator were chosen on forward-in-time stretches inside the training rows; "
        "then everything was fitted once to all of them. "
    )
    if calibrator.kind == "identity":
        return told + "Calibrator: none was kept; the probabilities are the model's own."
    level = percent(1 / (1 + np.exp(-calibrator.centre)))
    return told + (
        f"Calibrator: log odds are stretched {calibrator.slope:.3f} × around the level, a "
        f"probability of {level}, which stays where it is."
    )


def parameters(model: RiskModel) -> str:
    """LightGBM's parameters and what the recipe adds."""
    given = model.boosters[0].params
    rows = [
        (code(name), f"{given[name]:g}", meaning)
        for name, meaning in _PARAMETERS.items()
        if isinstance(given.get(name), int | float)
    ]
    signs = given.get("monotone_constraints") or []
    named = [
        f"{code(name)} never {'lowers' if sign > 0 else 'raises'} it"
        for name, sign in zip(model.columns, signs, strict=False)
        if sign
    ]
    if named:
        rows.append(("monotone", ", ".join(named), "what may not happen to the probability"))
    if model.facts.get("half_life_days"):
        half_life = f"{model.facts['half_life_days']:g} days"
        rows.append(("recency", half_life, "age at which a row counts half"))
    return table(("parameter", "value", "meaning"), rows)


def command(model: RiskModel, record: Mapping[str, Any]) -> str:
    """The command that trains the version again, and what has to stand in policy and recipe."""
    facts = model.facts
    changed = _changed(facts["policy"])
    words = [
        f"--target {model.target}",
        f"--train-until {str(facts['train_until']).removesuffix('T00:00:00')}",
        f"--snapshots {facts['rhythm']}",
        f"--seeds {len(model.boosters)}",
        *(f"--{name.replace('_', '-')} {changed[name]}" for name in _OPTIONS if name in changed),
        *_attributes_option(model),
    ]
    recipe = {
        "left_out": list(model.left_out),
        "parameters": facts.get("parameters"),
        "half_life_days": facts.get("half_life_days"),
    }
    recipe = {name: value for name, value in recipe.items() if value}
    if recipe:
        words.append("--recipe recipe.json")
    if record.get("leakage_override"):
        words.append(f"--override-leakage {shlex.quote(_line(record['leakage_override']))}")
    noted = [f"# policy.toml: {n} = {_json(v)}" for n, v in changed.items() if n not in _OPTIONS]
    noted += [f"# recipe.json: {_json(recipe)}"] if recipe else []
    return "\n".join([*noted, _wrapped("duecast train LOG", words)])


def _changed(policy: Mapping[str, Any]) -> dict[str, Any]:
    """The policy's values that are not the defaults; lists and tuples count as equal."""
    usual = {each.name: each.default for each in fields(Policy)}
    return {name: value for name, value in policy.items() if _json(value) != _json(usual.get(name))}


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _line(text: Any) -> str:
    return " ".join(str(text).split())


def _attributes_option(model: RiskModel) -> list[str]:
    only, without = (model.facts.get(f"attributes_{kind}") or [] for kind in ("only", "without"))
    named = [*only, *(f"-{name}" for name in without)]
    return [f"--attributes={shlex.quote(_line(','.join(named)))}"] if named else []


def _wrapped(first: str, words: Sequence[str], width: int = 88) -> str:
    """Words of a command on lines that a shell takes as one."""
    lines = [first]
    for word in words:
        if len(lines[-1]) + len(word) + 3 > width:
            lines.append("   ")
        lines[-1] += f" {word}"
    return " \\\n".join(lines)
