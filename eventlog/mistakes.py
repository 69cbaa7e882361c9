"""The mistakes that reading a log can name: how bad each is, an example, and how to mend it.

``refused``: nothing is read. ``error``: the row is set aside and everything else is read.
``warning``: the row is used as described, but someone should look.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["refused", "error", "warning"]


@dataclass(frozen=True, slots=True)
class Mistake:
    """One kind of mistake.

    Attributes
    ----------
    code : str
    severity : {'refused', 'error', 'warning'}
    meaning : str
        What is wrong, with an example, for the person who fills in the workbook.
    remedy : str
        How to mend it, in one or two imperative sentences.
    """

    code: str
    severity: Severity
    meaning: str
    remedy: str


MISTAKES: tuple[Mistake, ...] = (
    Mistake(
        "not_excel",
        "refused",
        "The file is called .xlsx but holds something else, such as a CSV export.",
        "Open it in Excel and save it as an Excel workbook (.xlsx), or name it by what it holds.",
    ),
    Mistake(
        "old_excel",
        "refused",
        "The file is a workbook of Excel 97-2003 (.xls).",
        "Open it in Excel and save it as .xlsx.",
    ),
    Mistake(
        "encrypted",
        "refused",
        "The workbook is protected with a password.",
        "Save it without a password: File, Info, Protect Workbook, Encrypt with Password, empty.",
    ),
    Mistake(
        "damaged",
        "refused",
        "The file is cut off or damaged, for example by a broken download.",
        "Copy or save it again.",
    ),
    Mistake(
        "not_a_workbook",
        "refused",
        "The file is packed like a workbook but is another kind, such as .docx or .ods.",
        "Save it as an Excel workbook (.xlsx).",
    ),
    Mistake(
        "far_cell",
        "refused",
        "A stray cell stands beyond column ZZ, where no log reaches. Reading would need the memory "
        "of all cells up to it.",
        "Go to it with Ctrl+End, delete its row or column, and save.",
    ),
    Mistake(
        "no_events_sheet",
        "refused",
        "The Events sheet was deleted or renamed, or --sheet names one that is not there.",
        "Name the sheet with the events Events, or choose one with --sheet.",
    ),
    Mistake(
        "no_rows",
        "refused",
        "The sheet holds no rows yet.",
        "Fill in the Events sheet from row 2, one row an event.",
    ),
    Mistake(
        "nothing_left",
        "refused",
        "No row can be used: every one of them has an error.",
        "Mend the errors listed with it; one column in a wrong form often explains all of them.",
    ),
    Mistake(
        "column_missing",
        "refused",
        "InvoiceNumber, ActivityName or EventTime has no column: its heading was deleted or "
        "renamed.",
        "Write the template's name into row 1, or write your name for it in the Mapping sheet.",
    ),
    Mistake(
        "column_twice",
        "refused",
        "Two columns have the same heading.",
        "Rename or remove all but one.",
    ),
    Mistake(
        "attribute_twice",
        "refused",
        "Two headings mean the same, such as InvoiceNumber and Invoice Number.",
        "Rename or remove all but one.",
    ),
    Mistake(
        "mapping_headings",
        "refused",
        "The Mapping sheet has lost its headings.",
        "Copy the sheet from a new template, or delete it.",
    ),
    Mistake(
        "mapping_attribute",
        "refused",
        "The Mapping sheet names a template column that does not exist.",
        "Write a name of the Attributes sheet there.",
    ),
    Mistake(
        "mapping_column",
        "refused",
        "The Mapping sheet takes a template column from a column the Events sheet does not have.",
        "Write the heading exactly as it stands in row 1 of the Events sheet, or empty the cell.",
    ),
    Mistake(
        "mapping_attribute_twice",
        "refused",
        "The Mapping sheet takes one template column from two different columns.",
        "Empty one of the two.",
    ),
    Mistake(
        "mapping_activity",
        "refused",
        "The Mapping sheet names an activity the template does not have, or half a pair.",
        "Write your name on the left and pick the template's from the list on the right.",
    ),
    Mistake(
        "mapping_activity_twice",
        "refused",
        "The Mapping sheet gives one of your activities two meanings.",
        "Empty one of the two.",
    ),
    Mistake(
        "mapping_setting",
        "refused",
        "A setting of the Mapping sheet has a value that is none, such as a time zone that does "
        "not exist.",
        "Pick one from the list; time zones are written like Europe/Berlin.",
    ),
    Mistake(
        "order_unclear",
        "refused",
        "Dates are written as text like 01/02/2024, and no date of the column shows whether the "
        "day or the month comes first.",
        "Make them real dates, or set 'Day or month first' in the Mapping sheet.",
    ),
    Mistake(
        "marks_unclear",
        "refused",
        "Amounts are written as text like 1.234, and none shows which mark is the decimal one.",
        "Make them real numbers, or set 'Decimal mark' in the Mapping sheet.",
    ),
    Mistake(
        "formula_error",
        "error",
        "The cell holds the error value of a formula, such as #N/A or #REF!.",
        "Mend the formula, or write the value itself.",
    ),
    Mistake(
        "activity_empty",
        "error",
        "ActivityName is empty.",
        "Pick the activity from the list.",
    ),
    Mistake(
        "time_empty",
        "error",
        "EventTime is empty (1900-01-01 counts as empty).",
        "Write the date on which it happened.",
    ),
    Mistake(
        "invoice_empty",
        "error",
        "InvoiceNumber is empty on an event that belongs to an invoice.",
        "Write the invoice's number. Only contacts, unapplied money and credit limits need none.",
    ),
    Mistake(
        "nobody",
        "error",
        "The event names neither an invoice nor a customer.",
        "Write InvoiceNumber, CustomerAccount or CustomerName.",
    ),
    Mistake(
        "date_unreadable",
        "error",
        "A text that is no date stands in a date column, such as 'mid March' or '2024-3rd'.",
        "Write it as a date, like 2024-03-15, or 2024-03-15 09:30 with a time.",
    ),
    Mistake(
        "no_such_day",
        "error",
        "The date does not exist, such as 2024-02-30 or 25:61 o'clock.",
        "Write the day that is meant, like 2024-02-29.",
    ),
    Mistake(
        "date_out_of_range",
        "error",
        "The date lies before 1970 or after 2100, often from a slip (2204 for 2024) or a number "
        "that is none of Excel's dates.",
        "Write the date that is meant.",
    ),
    Mistake(
        "amount_unreadable",
        "error",
        "A text that is no amount stands in a money column, such as 'about 500'.",
        "Write a number alone: 500.00. The currency goes into CurrencyCode.",
    ),
    Mistake(
        "amount_too_large",
        "error",
        "The amount is 10,000,000,000,000 or more.",
        "Check for a slipped decimal mark or an account number in the amount's column.",
    ),
    Mistake(
        "number_unreadable",
        "error",
        "A text that is no number stands in a number column.",
        "Write a number alone, or empty the cell.",
    ),
    Mistake(
        "flag_unreadable",
        "error",
        "IsDisputed is neither true nor false.",
        "Write true or false, or empty the cell.",
    ),
    Mistake(
        "payment_negative",
        "error",
        "PaymentAmount is negative although other payments are positive.",
        "Write it positive and let ActivityName say what it was: Payment Reversed, Credit Note "
        "Applied.",
    ),
    Mistake(
        "activity_misspelt",
        "warning",
        "The activity is not in the template but looks like one that is, such as 'Payment "
        "Recieved'. It is kept as an activity of its own, so it moves no money.",
        "Pick the activity from the list.",
    ),
    Mistake(
        "activity_unknown",
        "warning",
        "The activity is not in the template. It is kept and shown, and changes no invoice.",
        "If the template has a name for it, write both into the Mapping sheet or a mapping file.",
    ),
    Mistake(
        "activity_calculated",
        "warning",
        "Payment Due Date Passed stands in the file. The row is left out: it is calculated from "
        "due dates.",
        "Leave such rows out.",
    ),
    Mistake(
        "header_misspelt",
        "warning",
        "A heading looks like a template column that the sheet does not have. It is kept as an "
        "additional column.",
        "Write the template's name, or name the column in the Mapping sheet.",
    ),
    Mistake(
        "header_missing",
        "warning",
        "A column has values but no heading. It is kept under the name of its place.",
        "Write a heading into row 1, or delete the column.",
    ),
    Mistake(
        "row_blank",
        "warning",
        "A blank row stands among the rows. It is passed over.",
        "Delete the row, if nothing was meant to stand there.",
    ),
    Mistake(
        "cells_merged",
        "warning",
        "Cells are merged. Only the first of them holds the value, the others are empty.",
        "Unmerge them and write the value into each cell.",
    ),
    Mistake(
        "spaces_around",
        "warning",
        "Spaces stand before or after a text. They are taken off.",
        "Delete them, or use TRIM() in Excel.",
    ),
    Mistake(
        "invisible_character",
        "warning",
        "A text holds characters one cannot see, such as a zero-width space or a line break. It "
        "counts as different from the same text without them.",
        "Type the text anew, or use CLEAN() in Excel.",
    ),
    Mistake(
        "date_as_text",
        "warning",
        "A date stands as text among real dates. It is read as shown.",
        "Make it a real date: Data, Text to Columns, Date.",
    ),
    Mistake(
        "date_emptied",
        "warning",
        "The date is 1900-01-01, as Dynamics writes an empty one. It is read as empty.",
        "Empty the cell, or write the date that is meant.",
    ),
    Mistake(
        "number_as_text",
        "warning",
        "An amount or number stands as text. It is read as shown.",
        "Make it a real number: the green corner's menu, Convert to Number.",
    ),
    Mistake(
        "currency_in_amount",
        "warning",
        "A currency sign or code stands in an amount. The number is read, the sign is ignored.",
        "Write the number alone; the currency goes into CurrencyCode.",
    ),
    Mistake(
        "time_early",
        "warning",
        "The event lies before 1990.",
        "Check the year.",
    ),
    Mistake(
        "time_in_future",
        "warning",
        "The event lies in the future.",
        "Check the year; a planned step is no event. Promises go into PromisedDate.",
    ),
    Mistake(
        "recorded_before_event",
        "warning",
        "RecordedTime lies before EventTime. The event counts as known when it happened.",
        "Check both; empty RecordedTime where it is not known.",
    ),
    Mistake(
        "row_repeated",
        "warning",
        "The row says in every column what an earlier row says. Both are kept, so money counts "
        "twice.",
        "Delete the row, unless it really happened twice.",
    ),
    Mistake(
        "currencies_several",
        "warning",
        "The invoice has amounts in another currency on an earlier row.",
        "Write all amounts of an invoice in the invoice's own currency.",
    ),
    Mistake(
        "customers_several",
        "warning",
        "The invoice names another customer than before. All its rows count for the first.",
        "Write the same customer on every row of an invoice, or give the invoices different "
        "numbers (CompanyCode tells companies apart).",
    ),
    Mistake(
        "due_before_posting",
        "warning",
        "PaymentDueDate lies before the day on which the invoice was posted.",
        "Check the due date and the EventTime of the posting.",
    ),
    Mistake(
        "promise_without_date",
        "warning",
        "Payment Promise Created says no PromisedDate. The policy's default number of days is "
        "taken.",
        "Write the day by which payment was promised into PromisedDate.",
    ),
    Mistake(
        "promise_in_past",
        "warning",
        "PromisedDate lies before the promise itself.",
        "Check PromisedDate and EventTime.",
    ),
    Mistake(
        "payment_without_amount",
        "warning",
        "Money moved but PaymentAmount is empty. Nothing is taken off the balance until the "
        "invoice is settled.",
        "Write the amount, always positive, into PaymentAmount.",
    ),
    Mistake(
        "level_unknown",
        "warning",
        "DunningLevel has no number in it, such as 'Final'. The letter counts as one above the "
        "last.",
        "Write the step as a number: 1, 2, 3 or '3 - Final'.",
    ),
    Mistake(
        "level_high",
        "warning",
        "DunningLevel is above 9.",
        "Write the step of the dunning sequence, not the number of the letter.",
    ),
    Mistake(
        "level_elsewhere",
        "warning",
        "DunningLevel stands on a row that is no dunning letter. It is ignored there.",
        "Write it on the rows of Dunning Letter Generated only.",
    ),
    Mistake(
        "currency_unknown",
        "warning",
        "CurrencyCode is no ISO code, such as 'Euro'. It is kept as a currency of its own.",
        "Write the three-letter code: EUR, USD, GBP.",
    ),
    Mistake(
        "status_unknown",
        "warning",
        "InvoiceStatus is no word of the list. It is kept and shown.",
        "Pick the status from the list.",
    ),
    Mistake(
        "invoice_as_number",
        "warning",
        "The number of an invoice is a number among texts, so leading zeros may be lost.",
        "Format the column as Text and write the number as it stands on the invoice.",
    ),
    Mistake(
        "leading_zeros",
        "warning",
        "The same invoice number stands elsewhere with leading zeros. They count as two invoices.",
        "Format the column as Text and write the number with its zeros everywhere.",
    ),
    Mistake(
        "digits_lost",
        "warning",
        "The invoice number is a number of more than 15 digits: Excel has rounded the last ones.",
        "Format the column as Text and enter the number again.",
    ),
)

MISTAKE_NAMED = {mistake.code: mistake for mistake in MISTAKES}
_ORDER: tuple[Severity, ...] = ("refused", "error", "warning")
_HEADINGS = {
    "refused": "Refused: nothing is read",
    "error": "Errors: the row is set aside",
    "warning": "Warnings: the row is used, but look",
}


def as_markdown() -> str:
    """All mistakes as tables of Markdown, the worst first."""
    parts = []
    for severity in _ORDER:
        rows = [
            f"| `{m.code}` | {m.meaning} | {m.remedy} |" for m in MISTAKES if m.severity == severity
        ]
        head = ["| code | what is wrong | how to mend it |", "|---|---|---|"]
        parts.append("\n".join([f"### {_HEADINGS[severity]}", "", *head, *rows]))
    return "\n\n".join(parts) + "\n"
