"""Worklists as files: nothing is lost, nothing runs as a formula, no half file is left."""

from __future__ import annotations

import io

import pandas as pd
import pytest
import xlsxwriter

from eventlog.errors import DataError, NotFoundError
from serving import export as export_module
from serving.export import as_bytes, export
from serving.worklist import COLUMN_NAMED
from tests.serving.scored import scored

RISKY = ["=1+1", "+49 30", "-12", "@sum", "\tx", "\rx"]
HARMLESS = ["a=b", "3 - 4", "Müller & Söhne", 'say "hi", twice', " =x"]


def named(*names: str) -> pd.DataFrame:
    frame = scored(len(names))
    frame["customer_name"] = list(names)
    return frame


def sheet(path, name="Worklist") -> pd.DataFrame:
    return pd.read_excel(path, sheet_name=name, engine="calamine", keep_default_na=False)


def test_parquet_comes_back_with_names_kinds_and_values(tmp_path):
    frame = scored()
    back = pd.read_parquet(export(frame, tmp_path / "list.parquet"))
    assert list(back.columns) == list(frame.columns)
    assert (back["open_balance"] == frame["open_balance"]).all()
    assert (pd.to_datetime(back["due_date"]) == frame["due_date"]).all()
    assert (back["last_event_at"].dt.tz_localize(None) == frame["last_event_at"]).all()
    assert (back["p_late"].isna() == frame["p_late"].isna()).all()
    assert back["actionable"].dtype == bool


def test_csv_comes_back_with_names_and_values(tmp_path):
    frame = scored()
    back = pd.read_csv(export(frame, tmp_path / "list.csv"))
    assert list(back.columns) == list(frame.columns)
    assert (back["open_balance"] == frame["open_balance"]).all()
    assert (back["due_date"] == frame["due_date"].dt.strftime("%Y-%m-%d")).all()
    assert back["last_event_at"].str.endswith("Z").all()
    assert (back["segment"].isna() == frame["segment"].isna()).all()


def test_a_workbook_comes_back_with_headings_and_values(tmp_path):
    frame = scored()
    back = sheet(export(frame, tmp_path / "list.xlsx"))
    assert back["Open balance (invoice currency)"].tolist() == frame["open_balance"].tolist()
    assert back["Invoice"].tolist() == frame["invoice"].tolist()
    assert pd.to_datetime(back["Due date"]).tolist() == frame["due_date"].tolist()
    assert back["Actionable"].tolist() == frame["actionable"].tolist()


def test_a_workbook_explains_its_columns(tmp_path):
    frame = scored()
    explained = sheet(export(frame, tmp_path / "list.xlsx"), "Columns")
    assert set(explained["Name"]) == set(frame.columns)
    meaning = explained.set_index("Name")["Meaning"]
    assert meaning["priority"] == COLUMN_NAMED["priority"].meaning


@pytest.mark.parametrize("extension", [".csv", ".xlsx"])
@pytest.mark.parametrize("text", RISKY)
def test_a_text_that_starts_like_a_formula_is_defused(tmp_path, extension, text):
    path = export(named(text), tmp_path / f"list{extension}")
    column = "customer_name" if extension == ".csv" else "Customer"
    if extension == ".csv":
        with path.open(newline="") as file:
            assert f'"\'{text}"' in file.read()
    else:
        assert sheet(path)[column].tolist() == [f"'{text}"]


@pytest.mark.parametrize("extension", [".csv", ".xlsx"])
def test_other_texts_are_left_alone(tmp_path, extension):
    path = export(named(*HARMLESS), tmp_path / f"list{extension}")
    column = "customer_name" if extension == ".csv" else "Customer"
    back = pd.read_csv(path) if extension == ".csv" else sheet(path)
    assert back[column].tolist() == HARMLESS


def test_negative_numbers_stay_numbers(tmp_path):
    frame = scored()
    back = pd.read_csv(export(frame, tmp_path / "list.csv"))
    assert back["days_past_due"].tolist() == frame["days_past_due"].tolist()
    assert (back["days_past_due"] < 0).any()


def test_parquet_keeps_texts_as_they_are(tmp_path):
    back = pd.read_parquet(export(named(*RISKY), tmp_path / "list.parquet"))
    assert back["customer_name"].tolist() == RISKY


def test_a_column_name_that_starts_like_a_formula_is_defused():
    frame = scored(1).assign(**{"=cmd": 1})
    assert b'"\'=cmd"' in as_bytes(frame, ".csv")


def test_a_workbook_has_a_fixed_heading_and_a_filter(monkeypatch):
    seen = []
    monkeypatch.setattr(
        xlsxwriter.worksheet.Worksheet, "freeze_panes", lambda self, *a: seen.append(("freeze", a))
    )
    monkeypatch.setattr(
        xlsxwriter.worksheet.Worksheet, "autofilter", lambda self, *a: seen.append(("filter", a))
    )
    frame = scored(3)
    as_bytes(frame, ".xlsx")
    assert seen == [("freeze", (1, 0)), ("filter", (0, 0, 3, len(frame.columns) - 1))]


def test_the_bytes_are_those_of_the_file(tmp_path):
    frame = scored()
    path = export(frame, tmp_path / "list.csv")
    assert as_bytes(frame, ".csv") == path.read_bytes()


@pytest.mark.parametrize("extension", [".csv", ".parquet", ".xlsx"])
def test_an_empty_list_is_a_file_with_headings(extension):
    empty = scored(2).iloc[:0]
    data = as_bytes(empty, extension)
    read = {".csv": pd.read_csv, ".parquet": pd.read_parquet, ".xlsx": sheet}[extension]
    back = read(io.BytesIO(data))
    assert (len(back), len(back.columns)) == (0, len(empty.columns))


def test_an_export_that_fails_leaves_the_old_file_and_no_part(tmp_path, monkeypatch):
    path = export(scored(2), tmp_path / "list.csv")
    before = path.read_bytes()

    def failing(table, file):
        file.write(b"half a li")
        raise OSError("no space left")

    monkeypatch.setattr(export_module.pa.csv, "write_csv", failing)
    with pytest.raises(OSError, match="no space left"):
        export(scored(5), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_an_unknown_extension_is_refused_with_the_known_ones(tmp_path):
    with pytest.raises(DataError, match=r"'.pdf' is not a format.*\.csv.*\.parquet.*\.xlsx"):
        export(scored(1), tmp_path / "list.pdf")


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(NotFoundError, match=r"no folder .*nowhere"):
        export(scored(1), tmp_path / "nowhere" / "list.csv")


def test_more_rows_than_a_sheet_holds_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(export_module, "_EXCEL_ROWS", 3)
    with pytest.raises(DataError, match="holds 2 rows below its heading; there are 5"):
        export(scored(5), tmp_path / "list.xlsx")
    assert list(tmp_path.iterdir()) == []


def test_texts_of_other_columns_do_not_run_as_formulas_either():
    frame = pd.DataFrame({"note": pd.Series(RISKY, dtype="str"), "value": 1.0})
    back = pd.read_csv(io.BytesIO(as_bytes(frame, ".csv")), keep_default_na=False)
    assert back["note"].str.startswith("'").all()


def test_another_table_has_its_own_sheet_meanings_and_times(tmp_path):
    frame = pd.DataFrame(
        {
            "kpi": pd.Series(["dso"], dtype="str"),
            "ends": pd.Series(["2024-05-31T23:59:59"], dtype="datetime64[us]"),
            "value": [41.5],
        }
    )
    path = tmp_path / "kpis.xlsx"
    export(frame, path, sheet="KPIs", meanings=[("KPI", "Formula"), ("dso", "=a/b")])
    back, said = sheet(path, "KPIs"), sheet(path, "Meanings")
    assert back["ends"].item() == pd.Timestamp("2024-05-31T23:59:59")
    assert (back["kpi"].item(), back["value"].item()) == ("dso", 41.5)
    assert said["Formula"].item() == "=a/b"  # written as a text, not as a formula
