"""The words of a model card: what is asked of whom, who uses it, what each figure is called."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

DASH = "–"

#: Which invoices a target's question is asked of.
ASKED_OF = {
    "late_payment": "open invoices with a known due date that are not late yet",
    "still_open": "open invoices that are late already",
    "write_off": "open invoices that have not been written off",
    "payment_curve": "open invoices",
}


@dataclass(frozen=True)
class Uses:
    """Whom a model is for, what it was made for, and what it must not be used for."""

    users: str
    made_for: tuple[str, ...]
    not_for: tuple[str, ...]


_USERS = (
    "Collectors, who decide whom to call first; credit managers, who defend limits and "
    "provisions; the data scientists who answer for the model."
)
_NEVER = (
    "Decisions about people without a person in them: the customers may be natural persons, and "
    "the model knows nothing that is not in the log.",
    "Questions of cause. A feature that raises the risk need not be why; what a call, a letter or "
    "a discount would change has not been measured.",
    "Judging collectors: who works on which invoice is not random.",
    "Another company's log, or this one after its process or policy has changed, without a new "
    "test.",
)
USES = {
    "late_payment": Uses(
        _USERS,
        (
            "Ranking invoices that are not late yet, so that somebody asks before they are.",
            "Adding up expected late balances of a portfolio.",
        ),
        (
            "Invoices that are late already (`still_open` answers for them), without a due date, "
            "or closed.",
            *_NEVER,
        ),
    ),
    "still_open": Uses(
        _USERS,
        (
            "Ranking late invoices by how likely they are to stay open.",
            "Weighing the cost of further delay.",
        ),
        ("Invoices that are not late yet (`late_payment` answers for them), or closed.", *_NEVER),
    ),
    "write_off": Uses(
        _USERS,
        (
            "Expected loss: probability × loss given default × open balance.",
            "Finding the invoices whose hold or limit a person should look at.",
        ),
        (
            "Refusing a customer credit: it answers for an open invoice, not for a customer.",
            "A provision in the books without the auditor's own check: write-offs follow the "
            "company's practice and its batch dates, not insolvency alone.",
            *_NEVER,
        ),
    ),
    "payment_curve": Uses(
        _USERS,
        (
            "Expected payment dates with an interval, and the cash forecast by week and currency.",
            "Sorting invoices into on time, late and very late, at any numbers of days.",
        ),
        (
            "Days beyond 180, and invoices that are not issued yet: they are in no forecast.",
            *_NEVER,
        ),
    ),
}
OTHER_USES = Uses(_USERS, ("The question above, of the invoices named there.",), _NEVER)


@dataclass(frozen=True)
class Metric:
    """A figure of a test: its key in the report, heading, unit, what is better, and meaning.

    Attributes
    ----------
    unit : {'', '%', 'pp', 'nats', '×'}
        ``%`` and ``pp`` (percentage points) are shares times 100; ``×`` is a ratio.
    better : {'higher', 'lower', 'near 1'}
    """

    key: str
    heading: str
    unit: str
    better: str
    meaning: str
    digits: int = 3

    @property
    def title(self) -> str:
        """Heading with its unit."""
        return f"{self.heading} ({self.unit})" if self.unit else self.heading

    def cell(self, value: Any) -> str:
        """A value in the metric's unit, the unit left to the heading."""
        return number(_in(self.unit, value), self.digits)

    def said(self, value: Any) -> str:
        """A value with its unit."""
        return with_unit(self.cell(value), self.unit)

    def change(self, value: Any) -> str:
        """A difference in the metric's unit, signed."""
        return number(_in(self.unit, value), self.digits, sign="+")

    def beats(self, one: float, other: float) -> bool:
        """Whether one value is better than another."""
        if self.better == "near 1":
            return abs(one - 1) < abs(other - 1)
        return one > other if self.better == "higher" else one < other


METRICS = (
    Metric(
        "roc_auc",
        "ROC AUC",
        "",
        "higher",
        "Probability that a positive row is ranked above a negative one: 0.5 is chance, 1 perfect.",
    ),
    Metric(
        "average_precision",
        "Average precision",
        "",
        "higher",
        "Mean precision over all recalls: the share of positives is chance, 1 perfect.",
    ),
    Metric("brier", "Brier score", "", "lower", "Mean squared error of the probabilities.", 4),
    Metric(
        "brier_skill",
        "Brier skill",
        "%",
        "higher",
        "Share of the Brier score of always saying training's share of positives that is saved.",
        1,
    ),
    Metric("log_loss", "Log loss", "nats", "lower", "Mean surprise at what happened.", 4),
    Metric(
        "ece",
        "ECE",
        "pp",
        "lower",
        "Expected calibration error: mean distance of observed from predicted share over ten bins "
        "of equally many rows, in percentage points (pp).",
        2,
    ),
    Metric(
        "recall_at_10",
        "Recall in the first tenth",
        "%",
        "higher",
        "Share of the positive rows among the tenth with the highest probability.",
        1,
    ),
    Metric(
        "balance_recall_at_10",
        "Balance recall in the first tenth",
        "%",
        "higher",
        "Share of the positive rows' open balance in that tenth.",
        1,
    ),
    Metric(
        "observed_to_expected",
        "Observed / expected",
        "×",
        "near 1",
        "Positive rows over the sum of their probabilities.",
        2,
    ),
    Metric(
        "balance_ratio",
        "Expected / actual balance",
        "×",
        "near 1",
        "Sum of probability × open balance over the open balance of the positive rows.",
        2,
    ),
    Metric(
        "slope",
        "Calibration slope",
        "×",
        "near 1",
        "Slope of the outcome on the log odds: below 1 the probabilities reach too far.",
        2,
    ),
)
METRIC = {metric.key: metric for metric in METRICS}

BASELINE_SAID = {
    "prevalence": "training's share of positives",
    "ageing": "ageing bucket",
    "state_age": "last step × age",
    "customer_rate": "customer's own past rate",
    "logistic": "logistic regression, same features",
    "business_central": "Business Central's seventeen inputs",
    "balance": "largest balance first",
    "oldest": "oldest debt first",
}
CUT_SAID = {
    "phase": "phase",
    "ageing_bucket": "ageing bucket, days past due",
    "segment": "customer segment",
    "country": "country",
    "amount": "invoice amount",
    "history_depth": "closed invoices of the customer on record",
    "events_seen": "events seen so far",
    "days_since_posting": "days since posting",
    "customer": "customers of the training, and others",
    "invoice": "invoices of the training, and others",
    "invoice_in_training": "invoices of the training, and others",
}


#: How `training.capacity` names a ranking by probability times balance.
_BY_BALANCE = " x balance"


def baseline_said(name: str) -> str:
    """A baseline's, or a ranking's, name for people."""
    base = name.removesuffix(_BY_BALANCE)
    said = BASELINE_SAID.get(base, base.replace("_", " "))
    return said if base == name else f"{said}, × balance"


def cut_said(name: str) -> str:
    """What a cut of the test rows goes by, for people."""
    return CUT_SAID.get(name, name.replace("_", " "))


def _in(unit: str, value: Any) -> Any:
    return value if absent(value) or unit not in ("%", "pp") else 100 * float(value)


def absent(value: Any) -> bool:
    """Whether a figure is not there: None, NaN or infinite."""
    return value is None or not math.isfinite(float(value))


def number(value: Any, digits: int = 0, sign: str = "") -> str:
    """A figure with so many decimals and commas between thousands, or a dash."""
    return DASH if absent(value) else f"{float(value):{sign},.{digits}f}"


def with_unit(text: str, unit: str) -> str:
    """A written figure with its unit; a dash has none."""
    return f"{text} {unit}" if unit and text != DASH else text


def percent(value: Any, digits: int = 1) -> str:
    """A share as percent."""
    return with_unit(number(_in("%", value), digits), "%")


def count(value: Any, noun: str) -> str:
    """``1 row``, ``2,000 rows``."""
    text = number(value)
    return f"{text} {noun[:-1] if text == '1' and noun.endswith('s') else noun}"


def rows_said(n: Any, positives: Any) -> str:
    """How many rows, and how many of them are positive."""
    share = percent(positives / n) if n else DASH
    return f"{count(n, 'rows')}, {number(positives)} positive ({share})"


def day(text: Any) -> str:
    """A date, with its time of day where that is not midnight."""
    text = str(text)
    return text[:10] if text[11:] in ("", "00:00:00") else text.replace("T", " ") + " UTC"


_MARKS = re.compile(r"([\\`*_\[\]<>|~])")


def plain(text: Any) -> str:
    """A text from the data, safe to stand inside Markdown, on one line."""
    return _MARKS.sub(r"\\\1", " ".join(str(text).split()))


def code(text: Any) -> str:
    """A name as code, also inside a table."""
    return "`" + " ".join(str(text).split()).replace("`", "'").replace("|", "\\|") + "`"


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], right: Iterable[int] = ()) -> str:
    """A Markdown table.

    Parameters
    ----------
    headings : sequence of str
    rows : iterable of sequences of str
        Cells that are safe in Markdown, see `plain`.
    right : iterable of int
        Columns that are aligned to the right.
    """
    right = set(right)
    rule = ["--:" if i in right else ":--" for i in range(len(headings))]
    return "\n".join("| " + " | ".join(row) + " |" for row in (headings, rule, *rows))
