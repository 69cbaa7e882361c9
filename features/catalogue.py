"""The features: name, unit, meaning, family, and how a person would say each.

The one table that explanations, documentation and tests read. `docs/features.md` is generated from
it, and `tests/features/test_catalogue.py` holds it to what `features.matrix` computes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Unit = Literal["days", "count", "money", "share", "ratio", "yes/no", "category", "level"]


@dataclass(frozen=True, slots=True)
class Feature:
    """One column of the feature matrix.

    Attributes
    ----------
    name : str
    family : {'invoice', 'customer', 'peers', 'calendar', 'horizon', 'attribute'}
    unit : str
        ``share`` runs from 0 to 1; ``money`` is in the reporting currency.
    group : str
        Features that say the same thing for a person; their contributions are added up.
    said : str
        How a person would name the value in front of a customer.
    meaning : str
        What it is, with what missing means.
    """

    name: str
    family: str
    unit: Unit
    group: str
    said: str
    meaning: str


def _family(family: str, rows: str) -> list[Feature]:
    features = []
    for line in rows.strip().splitlines():
        name, unit, group, said, meaning = (cell.strip() for cell in line.split("|"))
        features.append(Feature(name, family, unit, group, said, meaning))  # type: ignore[arg-type]
    return features


_INVOICE = """
age_days | days | age | invoice age | Days since the invoice's first event.
days_past_due | days | due date | days past due | Days since the due date, negative before it; missing without a due date.
term_days | days | payment term | payment term | Days from posting to the due date.
posting_lag_days | days | posting lag | days from generation to posting | Days from the first event to posting.
amount | money | amount | invoice amount | Amount owed as known at the cutoff.
balance | money | amount | open balance | Amount less payments, credit notes and write-offs.
share_paid | share | part payments | share already paid | Part of the amount that is no longer open.
n_payments | count | part payments | part payments so far | Payments received on this invoice.
days_since_payment | days | part payments | days since the last part payment | Missing without a payment.
dunning_level | level | dunning | dunning level reached | Highest level of the letters sent so far.
n_letters | count | dunning | dunning letters sent | Collection letters so far.
days_since_letter | days | dunning | days since the last dunning letter | Missing without a letter.
n_dunning_steps_missed | count | dunning policy | dunning letters not sent in time | Letters that the policy called for and whose window ended without them; missing without a due date.
days_dunning_behind | days | dunning policy | days the next dunning letter is overdue | Days since it was due by the policy, pauses left out; 0 while none is due, missing without a due date.
n_contacts | count | contacts | calls and reminders so far | Collection activities, calls and reminders.
days_since_contact | days | contacts | days since the last contact | Missing without a contact.
n_disputes | count | disputes | disputes so far | Disputes registered on this invoice.
is_disputed | yes/no | disputes | in dispute now | A dispute is open at the cutoff.
days_in_dispute | days | disputes | days in dispute | Total time in dispute, an open one included.
dispute_reason | category | disputes | dispute reason | Last stated reason.
n_promises | count | promises on this invoice | payment promises so far | Promises made for this invoice.
n_promises_kept | count | promises on this invoice | promises kept on this invoice | Promises whose amount came in time.
n_promises_broken | count | promises on this invoice | promises broken on this invoice | Promises that matured unpaid.
is_promise_open | yes/no | promises on this invoice | promise open now | A promise has not matured yet.
days_to_promised_date | days | promises on this invoice | days to the promised date | Missing without an open promise.
n_rescheduled | count | promises on this invoice | promises rescheduled | Promises replaced before they matured.
n_limit_requests | count | credit limit | limit requests since posting | Credit limit requests of the customer since posting.
n_events | count | activity | events so far | Events logged for this invoice.
n_repeats | count | activity | repeated steps | Events whose activity had happened before on this invoice.
days_since_event | days | activity | days of silence | Days since the last event.
n_due_changes | count | due date | due date changes | Times the due date was changed.
n_reopened | count | activity | times reopened | Times a closed invoice was opened again.
is_with_agency | yes/no | agency | with a collection agency | The invoice was sent to an agency.
is_amount_known | yes/no | amount | amount stated | The log states the invoice's amount.
last_activity | category | activity | last step | Activity of the last event.
previous_activity | category | activity | step before the last | Activity of the event before the last.
segment | category | segment | customer segment | Last stated segment.
country | category | country | country | Last stated country.
currency | category | currency | currency | Invoice currency.
collector | category | collector | collector | Last stated collector.
company | category | company | company | Legal entity.
"""

_CUSTOMER = """
late_share | share | late record | invoices paid late | Late among the customer's matured other invoices, shrunk to 10 %.
late_share_365 | share | late record | invoices paid late, last 365 days | The same over 365 days.
late_share_90 | share | late record | invoices paid late, last 90 days | The same over 90 days.
late_share_decayed_30 | share | late record | recent invoices paid late | The same with a half-life of 30 days.
late_share_decayed_180 | share | late record | invoices paid late, older ones fading | The same with a half-life of 180 days.
late_share_trend | share | late record | rise of the late share | Half-life 30 less half-life 180.
late_amount_share | share | late record | amount paid late | Amount of late among matured other invoices; missing if none.
late_amount_share_365 | share | late record | amount paid late, last 365 days | The same over 365 days.
late_amount_share_90 | share | late record | amount paid late, last 90 days | The same over 90 days.
mean_days_late | days | days late | mean days late | Mean over the paid other invoices, early ones negative.
mean_days_late_365 | days | days late | mean days late, last 365 days | The same over 365 days.
mean_days_late_90 | days | days late | mean days late, last 90 days | The same over 90 days.
mean_days_late_decayed_30 | days | days late | recent mean days late | The same with a half-life of 30 days.
mean_days_late_decayed_180 | days | days late | mean days late, older ones fading | The same with a half-life of 180 days.
spread_days_late | days | days late | spread of days late | Standard deviation over the paid other invoices.
days_late_1_ago | days | days late | days late of the last paid invoice | Missing without one.
days_late_2_ago | days | days late | days late of the last but one | Missing without one.
days_late_3_ago | days | days late | days late of the third last | Missing without one.
slipped_share_alike | share | invoices alike | invoices like this one not paid by their due date | Of about its amount and term, fresh ones first, shrunk to 10 %.
mean_days_late_alike | days | invoices alike | mean days late of invoices like this one | The same weights; so far where unpaid; missing if nothing matured.
days_since_customer_paid | days | days late | days since the customer last paid an invoice | Missing if never.
share_paid_in_parts | share | part payments of the customer | invoices paid in parts | Among paid other invoices.
promise_kept_ratio | share | promises of the customer | promises kept | Kept among matured promises of other invoices, shrunk.
promise_kept_ratio_365 | share | promises of the customer | promises kept, last 365 days | The same over 365 days.
n_promises_matured | count | promises of the customer | promises matured | Kept and broken promises of other invoices.
dispute_rate | share | disputes of the customer | invoices disputed | Among other invoices issued.
dispute_rate_365 | share | disputes of the customer | invoices disputed, last 365 days | The same over 365 days.
n_in_dispute | count | disputes of the customer | other invoices in dispute | Open disputes now.
mean_dispute_days | days | disputes of the customer | mean length of disputes | Over ended disputes; missing if none.
letters_per_invoice | ratio | dunning of the customer | dunning letters per invoice | Over other invoices issued.
letters_per_invoice_365 | ratio | dunning of the customer | dunning letters per invoice, last 365 days | The same over 365 days.
contacts_per_invoice | ratio | dunning of the customer | calls and reminders per invoice | Over other invoices issued.
n_written_off | count | write-offs of the customer | invoices written off | Other invoices written off so far.
share_written_off | share | write-offs of the customer | share written off | Among closed other invoices.
n_open | count | open items | open invoices | Other invoices open now.
open_balance | money | open items | open balance of the customer | Of other invoices.
n_overdue | count | overdue items | overdue invoices | Other invoices past due now.
overdue_balance | money | overdue items | overdue balance | Of other invoices.
share_overdue | share | overdue items | share of the open balance that is overdue | Missing without an open balance.
overdue_1_30 | money | overdue items | balance 1-30 days overdue | Of other invoices.
overdue_31_60 | money | overdue items | balance 31-60 days overdue | Of other invoices.
overdue_61_90 | money | overdue items | balance 61-90 days overdue | Of other invoices.
overdue_over_90 | money | overdue items | balance over 90 days overdue | Of other invoices.
n_overdue_1_30 | count | overdue items | invoices 1-30 days overdue | Other invoices.
n_overdue_31_60 | count | overdue items | invoices 31-60 days overdue | Other invoices.
n_overdue_61_90 | count | overdue items | invoices 61-90 days overdue | Other invoices.
n_overdue_over_90 | count | overdue items | invoices over 90 days overdue | Other invoices.
oldest_overdue_days | days | overdue items | days the oldest overdue invoice is overdue | Missing without one.
n_due_same_day | count | other due dates | other open invoices due the same day | Missing without a due date.
balance_due_same_day | money | other due dates | other balance due the same day | Of other open invoices.
balance_due_within_7 | money | other due dates | other balance due within a week | Due at most 7 days before or after.
days_to_nearest_due | days | other due dates | days to the nearest other due date | Of another open invoice, before or after; missing if none.
credit_limit | money | credit limit | credit limit | Known as history only; missing otherwise.
credit_limit_usage | ratio | credit limit | credit limit usage | Open balance over the limit.
n_limit_changes | count | credit limit | credit limit changes | Changes seen so far.
days_since_limit_change | days | credit limit | days since the limit was set | Missing without a known limit.
tenure_days | days | tenure | days as a customer | Days since the first invoice, 365 at most.
order_gap_days | days | order rhythm | mean days between invoices | Missing with fewer than two.
days_since_previous_invoice | days | order rhythm | days since the previous invoice | At the time of issue.
n_issued_90 | count | order rhythm | other invoices in the last 90 days | Issued.
n_issued_same_day | count | order rhythm | other invoices issued the same day | Known at the cutoff.
amount_to_usual | ratio | amount against the usual | amount against the customer's usual | Amount over the mean of other invoices.
usual_amount | money | amount against the usual | the customer's usual amount | Mean of other invoices.
term_to_usual | days | term against the usual | days of payment term beyond the customer's usual | Term less the mean of other invoices; missing if none.
history_depth | count | history | closed invoices on record | Other invoices closed so far.
"""

_PEERS = """
segment_late_ratio | ratio | peers | late invoices in the segment against all | Late rate of the segment, shrunk, over that of all; 1 is as everybody.
country_late_ratio | ratio | peers | late invoices in the country against all | The same for the country.
size_late_ratio | ratio | peers | late invoices of this size against all | The same for half powers of ten of the amount.
level_late_ratio | ratio | peers | late invoices at this dunning level against all | The same for the level at maturity.
segment_write_off_ratio | ratio | peers | write-offs in the segment against all | Share written off among closed invoices, shrunk, over that of all.
country_write_off_ratio | ratio | peers | write-offs in the country against all | The same for the country.
size_write_off_ratio | ratio | peers | write-offs of this size against all | The same for half powers of ten of the amount.
level_write_off_ratio | ratio | peers | write-offs at this dunning level against all | The same for the level at closing.
"""

_CALENDAR = """
due_weekday | level | calendar | weekday of the due date | 0 is Monday.
due_day_of_month | level | calendar | day of the month of the due date | 1 to 31.
due_days_to_month_end | days | calendar | days from due date to month end | 0 to 30.
"""

#: Columns that are asked for beside the features: of the payment curve, which day it is about.
_HORIZON = """
horizon_days | days | horizon | days ahead | Days from the cutoff to the day that the payment curve is asked about.
days_past_due_then | days | horizon | days past due then | Days past due on that day, negative before it; missing without a due date.
"""

FEATURES: tuple[Feature, ...] = tuple(
    _family("invoice", _INVOICE)
    + _family("customer", _CUSTOMER)
    + _family("peers", _PEERS)
    + _family("calendar", _CALENDAR)
)
FEATURE_NAMED = {feature.name: feature for feature in FEATURES}
_HORIZON_NAMED = {feature.name: feature for feature in _family("horizon", _HORIZON)}


def feature_of(name: str, kind: str = "number") -> Feature:
    """The catalogue's entry, a horizon's, or one made for an additional attribute of the log.

    Parameters
    ----------
    kind : {'number', 'time', 'level'}
        Kind of the additional attribute.
    """
    known = FEATURE_NAMED.get(name) or _HORIZON_NAMED.get(name)
    if known:
        return known
    unit: Unit = {"time": "days", "level": "category"}.get(kind, "ratio")  # type: ignore[assignment]
    said = f"days since {name}" if kind == "time" else name
    return Feature(name, "attribute", unit, name, said, f"Additional attribute {name} of the log.")


def as_markdown() -> str:
    """The catalogue as a Markdown page."""
    lines = [
        "# Features",
        "",
        "Generated from `features/catalogue.py` by `duecast features --markdown`; do not edit.",
        "",
        f"{len(FEATURES)} features, plus the log's additional attributes. Every value is what was "
        "known at the cutoff; money is in the reporting currency; *share* runs from 0 to 1.",
        "",
    ]
    for family in dict.fromkeys(feature.family for feature in FEATURES):
        lines += [
            f"## {family}",
            "",
            "| name | unit | how it is said | meaning |",
            "|---|---|---|---|",
        ]
        lines += [
            f"| `{f.name}` | {f.unit} | {f.said} | {f.meaning} |"
            for f in FEATURES
            if f.family == family
        ]
        lines.append("")
    return "\n".join(lines)
