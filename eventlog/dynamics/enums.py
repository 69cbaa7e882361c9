"""What the numbers in enum columns of Dynamics 365 mean, and which of them matter to the import.

Microsoft's schemas give enums as plain integers, and a tenant may number an extensible enum
otherwise, so every number stands in `DEFAULTS`, can be replaced by a TOML file, and is checked
against the values that are there. Exports that write labels in place of numbers are understood by
the same names.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eventlog.errors import NotFoundError, SettingsError

#: Enum values by label, and under ``rules`` which of them mean what.
DEFAULTS: dict[str, dict[str, Any]] = {
    "LedgerTransType": {
        "None": 0,
        "Transfer": 1,
        "Sales": 2,
        "Purch": 3,
        "Invent": 4,
        "Production": 5,
        "Project": 6,
        "Interest": 7,
        "Cust": 8,
        "ExchAdjustment": 9,
        "SummedUp": 10,
        "Payroll": 11,
        "FixedAssets": 12,
        "CollectionLetter": 13,
        "Vend": 14,
        "Payment": 15,
        "Tax": 16,
        "Bank": 17,
        "Conversion": 18,
        "BillOfExchange": 19,
        "PromissoryNote": 20,
        "Cost": 21,
        "Work": 22,
        "Fee": 23,
        "Settlement": 24,
        "Allocation": 25,
        "Elimination": 26,
        "CashDiscount": 27,
        "OverUnder": 28,
        "PennyDifference": 29,
        "CrossCompanySettlement": 30,
        "PurchReq": 31,
        "WriteOff": 35,
        "GeneralJournal": 36,
        "MCRUnderpayWriteOff": 251,
    },
    "CustVendDisputeStatus": {
        "None": 0,
        "Disputed": 1,
        "PromiseToPay": 2,
        "Resolved": 3,
        "PromiseToPayBroken": 4,
    },
    "CustCollectionLetterCode": {
        "None": 0,
        "CollectionLetter1": 1,
        "CollectionLetter2": 2,
        "CollectionLetter3": 3,
        "CollectionLetter4": 4,
        "Collection": 5,
    },
    "LedgerJournalACType": {"Ledger": 0, "Cust": 1, "Vend": 2, "Project": 3, "Bank": 6},
    "LedgerJournalType": {"Daily": 0, "CustPayment": 7},
    "CredManAdjustmentType": {"CreditLimit": 0, "TemporaryCreditLimit": 1},
    "NoYes": {"No": 0, "Yes": 1},
    "rules": {
        "invoices": ["Sales", "Cust", "Project"],
        "payments": ["Payment"],
        "credit_notes": ["Sales", "Cust", "Project", "GeneralJournal"],
        "write_offs": ["WriteOff", "MCRUnderpayWriteOff"],
        "discounts": ["CashDiscount", "PennyDifference"],
        "recovery_profiles": ["RECOVERY"],
        "phone_calls": ["PhoneCall"],
        "reminders": ["REMINDER"],
    },
}
#: Which enum a column holds.
ENUM_OF: dict[tuple[str, str], str] = {
    ("CustInvoiceJour", "InterCompanyPosted"): "NoYes",
    ("CustInvoiceJour", "Prepayment"): "NoYes",
    ("CustInvoiceJour", "Proforma"): "NoYes",
    ("CustTrans", "TransType"): "LedgerTransType",
    ("CustTrans", "Prepayment"): "NoYes",
    ("CustCollectionLetterTrans", "CollectionLetterCode"): "CustCollectionLetterCode",
    ("CustDisputeHistory", "Status"): "CustVendDisputeStatus",
    ("CustDisputeHistory", "IsAutomaticUpdate"): "NoYes",
    ("LedgerJournalTable", "JournalType"): "LedgerJournalType",
    ("LedgerJournalTable", "Posted"): "NoYes",
    ("LedgerJournalTrans", "AccountType"): "LedgerJournalACType",
    ("CredManCreditLimitAdjTable", "AdjustmentType"): "CredManAdjustmentType",
    ("CredManCreditLimitAdjTable", "Posted"): "NoYes",
}
#: Enums of which duecast reads one value and passes over the rest: other values are no surprise.
OPEN_ENUMS = frozenset({"LedgerJournalACType", "LedgerJournalType"})
#: Rules that list labels of LedgerTransType; the others list texts.
_OF_TYPES = ("invoices", "payments", "credit_notes", "write_offs", "discounts")
_LABEL = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")


@dataclass(frozen=True)
class Enums:
    """Numbers by label, and what the import makes of them.

    Attributes
    ----------
    values : mapping of str to mapping of str to int
        Number by label, by enum.
    rules : mapping of str to tuple of str
        Labels of LedgerTransType or texts, by what they mean.
    """

    values: Mapping[str, Mapping[str, int]]
    rules: Mapping[str, tuple[str, ...]]

    def of(self, enum: str, label: str) -> int:
        """Number of one label."""
        return self.values[enum][label]

    def parameters(self) -> dict[str, Any]:
        """What the queries refer to: lists of types and texts, and single values, by name."""
        types = self.values["LedgerTransType"]
        lists: dict[str, Any] = {
            name: [types[label] for label in self.rules[name]]
            if name in _OF_TYPES
            else list(self.rules[name])
            for name in self.rules
        }
        return lists | {
            "general_journal": types["GeneralJournal"],
            "disputed": self.of("CustVendDisputeStatus", "Disputed"),
            "promised": self.of("CustVendDisputeStatus", "PromiseToPay"),
            "resolved": self.of("CustVendDisputeStatus", "Resolved"),
            "not_disputed": self.of("CustVendDisputeStatus", "None"),
            "letter_none": self.of("CustCollectionLetterCode", "None"),
            "letter_agency": self.of("CustCollectionLetterCode", "Collection"),
            "letter_levels": [
                self.of("CustCollectionLetterCode", f"CollectionLetter{n}") for n in range(1, 5)
            ],
            "customer_account": self.of("LedgerJournalACType", "Cust"),
            "payment_journal": self.of("LedgerJournalType", "CustPayment"),
            "limit_journal": self.of("CredManAdjustmentType", "CreditLimit"),
        }


def read_enums(path: Path | None) -> Enums:
    """The defaults, with what a TOML file says otherwise.

    Raises
    ------
    NotFoundError
        If the file does not exist.
    SettingsError
        If it is not TOML, names an unknown enum, rule or label that a rule needs, gives two labels
        of an enum one number, or lists a transaction type under two rules that exclude each other.
    """
    if path is None:
        return _checked(DEFAULTS, "The defaults")
    if not path.is_file():
        raise NotFoundError(f"There is no enum file at {path}. Check the path.")
    try:
        stated = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not valid TOML: {error}. Mend that line.") from error
    unknown = sorted(set(stated) - set(DEFAULTS))
    if unknown or not all(isinstance(part, dict) for part in stated.values()):
        raise SettingsError(
            f"{path} has unknown parts {unknown}. Known are {list(DEFAULTS)}, each a table such "
            "as [LedgerTransType]. Mend or remove them."
        )
    merged = {name: part | stated.get(name, {}) for name, part in DEFAULTS.items()}
    return _checked(merged, str(path))


def _checked(parts: Mapping[str, Mapping[str, Any]], source: str) -> Enums:
    values = {name: dict(part) for name, part in parts.items() if name != "rules"}
    for name, numbers in values.items():
        for label, number in numbers.items():
            if type(number) is not int or not _LABEL.match(label):
                raise SettingsError(
                    f"{name}.{label} in {source} is {number!r}. Write a whole number after a label "
                    "of letters and digits."
                )
        shared = sorted(x for x in numbers if list(numbers.values()).count(numbers[x]) > 1)
        if shared:
            raise SettingsError(
                f"{name} in {source} gives one number to {len(shared)} labels: {shared}. Give each "
                "its own."
            )
    rules = dict(parts["rules"])
    unknown = sorted(set(rules) - set(DEFAULTS["rules"]))
    if unknown:
        raise SettingsError(
            f"{source} has unknown rules {unknown}. Known are {list(DEFAULTS['rules'])}. Mend or "
            "remove them."
        )
    for rule, listed in rules.items():
        if not isinstance(listed, list) or not all(isinstance(item, str) for item in listed):
            raise SettingsError(f"rules.{rule} in {source} is {listed!r}. Write a list of texts.")
        lacking = sorted(set(listed) - set(values["LedgerTransType"])) if rule in _OF_TYPES else []
        if lacking:
            raise SettingsError(
                f"rules.{rule} in {source} names {lacking}, which LedgerTransType lacks. Add them "
                "to [LedgerTransType] with their numbers."
            )
    _refuse_overlap(rules, source)
    return Enums(values, {rule: tuple(listed) for rule, listed in rules.items()})


def _refuse_overlap(rules: Mapping[str, list[str]], source: str) -> None:
    kinds = ("payments", "credit_notes", "write_offs", "discounts")
    listed = [label for kind in kinds for label in rules[kind]]
    twice = sorted({label for label in listed if listed.count(label) > 1})
    if twice:
        raise SettingsError(
            f"{source} lists {twice} under more than one of {list(kinds)}. Leave each in one."
        )


def as_toml(enums: Enums) -> str:
    """The numbers and rules as the TOML file that `read_enums` reads."""
    parts = []
    for name, numbers in enums.values.items():
        rows = "\n".join(f"{label} = {number}" for label, number in numbers.items())
        parts.append(f"[{name}]\n{rows}\n")
    rows = "\n".join(
        f"{rule} = {json.dumps(list(listed), ensure_ascii=False)}"
        for rule, listed in enums.rules.items()
    )
    parts.append(f"[rules]\n{rows}\n")
    return "\n".join(parts)
