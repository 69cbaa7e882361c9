"""The model card says what was found, with units and baselines, and admits what is not known."""

from __future__ import annotations

import base64
import copy
import json
import re
import shutil
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from eventlog.errors import DataError, NotFoundError
from tests.training.company import backtested, trained
from training.card import card_markdown, card_texts, write_card
from training.card_page import card_html
from training.card_words import METRICS, number, percent, plain, table
from training.caveats import limits
from training.registry import Version, fingerprint, open_registry, register
from ui import card_commands

VERSION = Version("write_off", "3", "run-7", ("challenger",), {})
RECORD = {
    "log": "events.csv",
    "log_fingerprint": "abc123",
    "log_events": "20111",
    "log_invoices": "4000",
    "n_credited": "12",
    "n_window_unfinished": "34",
    "libraries": "lightgbm==4.7.0",
}
SECTIONS = (
    *("In brief", "What it is for", "How good it is", "What it learned from", "Features"),
    *("How it was made", "Known limits", "Promotion", "Make it again, and serve it"),
    "What the figures mean",
)
#: The smallest picture there is.
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJg"
    "gg=="
)


@pytest.fixture(scope="module")
def model():
    return trained("write_off")[0]


@pytest.fixture(scope="module")
def tested():
    """A test report as it lies beside a version."""
    return json.loads(json.dumps(backtested("write_off").report, default=str))


@pytest.fixture
def report(tested):
    return copy.deepcopy(tested)


@pytest.fixture
def figures(tmp_path):
    folder = tmp_path / "drawn"
    folder.mkdir()
    for name in ("recall", "reliability", "importance", "of_its_own"):
        (folder / f"{name}.png").write_bytes(PNG)
    return folder


def part(text, title):
    """What stands under a heading."""
    return text.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]


def rows_of(text):
    """Cells of every row of every table, by the row's first cell."""
    lines = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("|")]
    return {cells[0]: [cell.strip() for cell in cells[1:]] for cells in lines}


def test_a_card_has_every_section_in_its_order(model, report):
    text = card_markdown(model, VERSION, RECORD, report=report)
    assert tuple(re.findall(r"^## (.*)$", text, re.MULTILINE)) == SECTIONS
    assert text.startswith("# Model card: write off, version 3\n")


def test_the_question_has_the_numbers_of_the_policy(model, report):
    text = card_markdown(model, VERSION, RECORD, report=report)
    assert "**written off within 180 days from the cutoff**" in text
    assert "`write_off_horizon_days` 180 days" in text


def test_the_model_stands_beside_every_baseline_in_every_metric(model, report):
    shown = rows_of(part(card_markdown(model, VERSION, RECORD, report=report), "How good it is"))
    assert len(report["baselines"]) >= 5
    for metric in METRICS:
        if metric.key not in report["metrics"]:
            continue
        found = [report["metrics"], *report["baselines"].values()]
        expected = [metric.cell(each.get(metric.key)) for each in found]
        assert [cell.strip("*") for cell in shown[metric.title]] == expected, metric.key


def test_a_figure_in_which_a_baseline_is_better_is_marked(model, report):
    report["baselines"]["logistic"]["roc_auc"] = report["metrics"]["roc_auc"] + 0.01
    text = card_markdown(model, VERSION, RECORD, report=report)
    assert "logistic regression, same features – **better than the model**" in text
    report["baselines"] = {"prevalence": report["baselines"]["prevalence"] | {"ece": 1.0}}
    text = part(card_markdown(model, VERSION, RECORD, report=report), "In brief")
    assert "best baseline 0.500 (training's share of positives)" in text


def test_intervals_of_the_report_are_shown_and_their_absence_is_said(model, report):
    report["intervals"] = {"model": {"roc_auc": {"estimate": 0.9, "low": 0.8123, "high": 0.9456}}}
    text = card_markdown(model, VERSION, RECORD, report=report)
    assert "0.812 to 0.946" in text
    assert "resampled customers" in text
    del report["intervals"]
    assert "has no intervals" in card_markdown(model, VERSION, RECORD, report=report)


def test_every_number_of_a_test_has_its_unit(model, report):
    text = card_markdown(model, VERSION, RECORD, report=report)
    for metric in METRICS:
        assert not metric.unit or metric.title.endswith(f"({metric.unit})")
        assert f"- **{metric.title}**" in text
    brief = rows_of(part(text, "In brief"))
    assert re.fullmatch(r"[\d,]+ rows, [\d,]+ positive \(\d+\.\d %\), .*", brief["Tested on"][0])
    assert brief["Calibration"][0].endswith(" pp")
    assert number(None) == "–"
    assert percent(0.1234) == "12.3 %"


def test_groups_with_few_cases_are_marked_and_the_others_are_not(model, report):
    usual = report["metrics"]
    report["slices"] = {
        "country": {
            "Land": usual | {"n": 1000, "positives": 29},
            "Sea": usual | {"n": 1000, "positives": 30},
            "Air": usual | {"n": 40, "positives": 30},
        }
    }
    shown = rows_of(part(card_markdown(model, VERSION, RECORD, report=report), "How good it is"))
    assert {"Land (*few*)", "Sea", "Air (*few*)"} <= set(shown)


def test_months_stand_in_their_order_with_the_best_baseline_beside(model, report):
    usual = report["metrics"] | {"n": 500, "positives": 100}
    report["slices"] = {"cutoff": {"2022-10": usual, "2022-09": usual | {"roc_auc": 0.711}}}
    report["by_cutoff"] = {
        "2022-09": {"model": {"roc_auc": 0.711}, "ageing": {"roc_auc": 0.699}, "logistic": {}}
    }
    text = part(card_markdown(model, VERSION, RECORD, report=report), "How good it is")
    assert text.index("| 2022-09 |") < text.index("| 2022-10 |")
    assert rows_of(text)["2022-09"][-2:] == ["0.711", "0.699"]


def test_an_untested_version_says_why_and_shows_no_figure_of_quality(model):
    record = RECORD | {"untested": "no test before 2022-05-01: 12 positive cases, 50 are needed."}
    text = card_markdown(model, VERSION, record)
    assert "> **Untested**, because no test before 2022-05-01: 12 positive cases" in text
    assert rows_of(part(text, "In brief"))["Tested on"] == ["nothing: untested"]
    quality = part(text, "How good it is")
    assert "12 positive cases" in quality
    assert "|" not in quality
    assert not re.search(r"0\.\d\d", quality)


def test_a_tested_version_is_not_called_untested(model, report):
    assert "ntested" not in card_markdown(model, VERSION, RECORD, report=report)


def test_an_override_of_the_linter_stands_on_top_and_among_the_limits(model, report):
    record = RECORD | {"leakage_override": "the flag is set\nbefore posting"}
    text = card_markdown(model, VERSION, record, report=report)
    said = "“the flag is set before posting”"
    assert said in text.split("## In brief")[0]
    assert said in part(text, "Known limits")
    assert "--override-leakage 'the flag is set before posting'" in text
    assert "overridden" not in card_markdown(model, VERSION, RECORD, report=report)


def test_training_data_rows_and_what_was_left_out_are_told(model, report):
    text = part(card_markdown(model, VERSION, RECORD, report=report), "What it learned from")
    shown = rows_of(text)
    assert shown["Its fingerprint"] == ["`abc123`"]
    assert shown["Size"] == ["20,111 events, 4,000 invoices"]
    assert shown["Rows"][0].startswith(f"{model.facts['n_train']:,} rows, ")
    assert "12 rows closed by credit note" in text
    assert "34 rows whose window was not over" in text
    bare = part(card_markdown(model, VERSION, {}, report=report), "What it learned from")
    assert bare.count("not recorded") >= 3


def test_features_are_counted_by_family_and_barred_columns_have_their_reason(model, report):
    encoding = replace(model.encoding, left_out={"Answers": "its name says that it is an outcome"})
    changed = replace(model, encoding=encoding, left_out=("n_events",))
    shown = rows_of(part(card_markdown(changed, VERSION, RECORD, report=report), "Features"))
    families = ("invoice", "customer", "peers", "calendar", "attribute")
    assert sum(int(shown[family][0]) for family in families if family in shown) == len(
        model.columns
    )
    assert shown["`DaysOverdue`"] == ["an answer: computed when the extract was made"]
    assert shown["`n_events`"] == ["left out by the recipe"]
    assert shown["`Answers`"] == ["its name says that it is an outcome"]


def test_a_promotion_and_its_decisions_are_on_the_card(model, report):
    none = part(card_markdown(model, VERSION, RECORD, report=report), "Promotion")
    assert "`challenger`. No promotion of this version is on record." in none
    version = replace(VERSION, tags={"promoted_because": "better on the last quarter", "x": "y"})
    decision = {
        "when": "2024-02-03 10:00",
        "decision": "refused",
        "champion_before": "2",
        "n": "1234",
        "since": "2024-01-01T00:00:00",
        "until": "2024-02-01T00:00:00",
        "reason": "too soon",
    }
    text = card_markdown(model, version, RECORD, report=report, decisions=[decision])
    shown = rows_of(part(text, "Promotion"))
    assert shown["promoted because"] == ["better on the last quarter"]
    assert shown["2024-02-03 10:00"] == [
        "refused",
        "version 2",
        "1,234 rows, cutoffs from 2024-01-01 on and before 2024-02-01",
        "too soon",
    ]
    assert "x" not in shown


def test_the_command_repeats_what_differs_from_the_defaults_and_no_more(model, report):
    text = card_markdown(model, VERSION, RECORD, report=report)
    command = text.split("```bash\n")[1].split("```")[0]
    said = " ".join(command.replace("\\\n", " ").split())
    assert said == (
        "duecast train LOG --target write_off --train-until 2022-05-01 --snapshots monthly "
        "--seeds 1 --write-off-horizon-days 180"
    )
    facts = model.facts | {
        "policy": model.facts["policy"] | {"reporting_currency": "EUR"},
        "attributes_without": ["Region"],
        "half_life_days": 365.0,
    }
    changed = card_markdown(replace(model, facts=facts), VERSION, RECORD, report=report)
    assert '# policy.toml: reporting_currency = "EUR"\n' in changed
    assert '# recipe.json: {"half_life_days": 365.0}\n' in changed
    assert "--attributes=-Region" in changed
    assert fingerprint(model) in text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"mean_p": 0.5, "prevalence": 0.2}, r"level was too high: 50\.0 % expected .* 20\.0 %"),
        ({"mean_p": 0.1, "prevalence": 0.2}, r"level was too low: 10\.0 % expected .* 20\.0 %"),
        ({"ece": 0.05, "prevalence": 0.1, "ece_noise": 0.01}, r"error 5\.00 pp is 0\.50 × the"),
        ({"slope": 0.5}, r"spread too far: calibration slope 0\.50"),
        ({"slope": 1.5}, r"drawn together too much: calibration slope 1\.50"),
    ],
)
def test_a_limit_found_in_the_test_is_said_with_its_figures(model, report, changes, said):
    report["metrics"] |= changes
    found = "\n".join(limits(model, RECORD, report))
    assert re.search(said, found)


def test_a_well_calibrated_test_has_none_of_these_limits(model, report):
    report["metrics"] |= {"mean_p": 0.2, "prevalence": 0.2, "ece": 0.01, "slope": 1.0}
    report |= {"n_train": 1000, "positives_train": 200, "n_test": 1000, "positives": 200}
    report |= {"baselines": {}, "differences": {"over": {}}, "slices": {}}
    found = "\n".join(limits(model, RECORD, report))
    assert not re.search(r"level|Calibration error|slope|moved|better|worse|only", found)
    report["positives"] = 199
    assert "holds 199 positives only" in "\n".join(limits(model, RECORD, report))


def test_a_calibration_error_that_chance_alone_would_give_is_no_limit(model, report):
    report["metrics"] |= {"ece": 0.05, "prevalence": 0.1, "ece_noise": 0.06}
    assert "Calibration error" not in "\n".join(limits(model, RECORD, report))


def test_a_gain_whose_interval_holds_zero_is_not_called_better(model, report):
    gain = {"estimate": 0.01, "low": -0.002, "high": 0.03}
    report["differences"] = {"resampled": "customers", "over": {"logistic": {"roc_auc": gain}}}
    found = "\n".join(limits(model, RECORD, report))
    assert "Not shown to rank better than logistic regression, same features" in found
    gain["low"] = 0.001
    assert "Not shown" not in "\n".join(limits(model, RECORD, report))


def test_a_group_that_is_worse_is_named_and_one_with_few_cases_is_not(model, report):
    whole = {"n": 900, "positives": 300, "roc_auc": 0.9, "mean_p": 0.3, "prevalence": 0.3}
    report["metrics"] |= whole
    report["slices"] = {
        "country": {
            "Land": whole | {"roc_auc": 0.84},
            "Sea": whole | {"mean_p": 0.2},
            "Air": whole | {"roc_auc": 0.5, "n": 310},
            "Coast": whole | {"roc_auc": 0.86, "mean_p": 0.28},
        }
    }
    found = [line for line in limits(model, RECORD, report) if "country" in line]
    assert len(found) == 2
    assert "Ranks worse for “Land” by country (900 rows): ROC AUC 0.840 against 0.900" in found[0]
    assert "Level off for “Sea”" in found[1]


def test_a_version_refitted_after_its_test_says_so(model, report):
    later = replace(model, facts=model.facts | {"train_until": "2022-11-01T00:00:00"})
    assert "was then refitted on everything known before 2022-11-01" in "\n".join(
        limits(later, RECORD, report)
    )
    assert "refitted" not in "\n".join(limits(model, RECORD, report))


def test_a_payment_curve_is_told_by_horizon_bucket_date_and_cash(model):
    rival = {"ece": 0.03, "roc_auc": 0.7, "brier": 0.12}
    horizon = {"n": 1500, "prevalence": 0.5, "mean_p": 0.45, "ece": 0.02, "roc_auc": 0.9}
    bucket = {"positives": 70, "observed": 0.7, "mean_p": 0.65, "ece": 0.05, "roc_auc": 0.8}
    dates = {"n": 900, "interval": 0.8, "held_by_interval": 0.79}
    report = {
        "target": "payment_curve",
        "train_until": "2022-05-01T00:00:00",
        "test_until": "2022-11-01T00:00:00",
        "log_end": "2023-01-04T00:00:00",
        "n_train": 16511,
        "n_test": 2065,
        "crossings": 0,
        "by_horizon": {"30": horizon | {"brier": 0.1, "life_table": rival}},
        "buckets": {
            **{"n": 100, "late_after_days": 5, "very_late_after_days": 30, "log_loss": 0.7},
            **{"log_loss_base_rates": 0.8, "on time": bucket},
        },
        "payment_date": dates
        | {"median_absolute_error_days": 4.06, "mean_absolute_error_days": 7.7},
        "cash": {"errors": {"EUR": {"payment_curve": {"weekly": 0.411, "total": 0.028}}}},
    }
    curve = replace(model, target="payment_curve")
    text = card_markdown(curve, VERSION, RECORD, report=report)
    assert "**still unpaid h days from the cutoff, for any h up to 180**" in text
    quality = part(text, "How good it is")
    assert "Curves that cross themselves: 0." in quality
    shown = rows_of(quality)
    paired = ["**2.00**, 3.00", "**0.900**, 0.700", "**0.1000**, 0.1200"]
    assert shown["30"] == ["1,500", "45.0 %", "50.0 %", *paired]
    assert shown["on time"] == ["70", "65.0 %", "70.0 %", "5.00", "0.800"]
    assert shown["EUR"] == ["payment curve", "41.1 %", "2.8 %"]
    assert "80 % interval held 79.0 %; median error 4.1 days, mean 7.7 days" in quality
    report["payment_date"] |= {"n_bounded": 810, "n_with_error": 675}
    told = part(card_markdown(curve, VERSION, RECORD, report=report), "How good it is")
    assert "held 79.0 % (without the 10.0 % whose interval has no end within them)" in told
    assert "(without the 25.0 % that have no expected date or no payment within them)" in told
    report |= {"buckets": {"n": 0}, "payment_date": {"n": 0}, "cash": {"errors": {}}}
    bare = part(card_markdown(curve, VERSION, RECORD, report=report), "How good it is")
    assert "were not tested" in bare
    assert "### Cash" not in bare


def test_texts_of_the_log_cannot_break_the_card_or_run_in_it(model, report):
    name = "<script>alert(1)</script>|`x`"
    usual = report["metrics"] | {"n": 500, "positives": 100}
    report["slices"] = {"country": {name: usual, "Sea": usual}}
    record = RECORD | {"log": name, "untested": name, "leakage_override": name}
    version = replace(VERSION, tags={"promoted_because": name})
    text = card_markdown(model, version, record, report=report)
    page = card_html(text)
    assert "<script" not in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;|`x`") >= 4
    assert "<b>" not in card_html("# Card\n\n<b>bold</b>\n")
    assert table(("a",), [(plain("b|c\nd"),)]).splitlines()[-1] == "| b\\|c d |"


def test_the_page_holds_its_figures_and_asks_for_no_other_file(model, report, figures):
    page = card_texts(model, VERSION, RECORD, report=report, figures=figures)["card.html"]
    assert page.count('src="data:image/png;base64,') == 4
    assert base64.b64encode(PNG).decode() in page
    assert page.count("<img") == 4
    assert page.index("Reliability:") < page.index("Recall in money:") < page.index("Importance:")
    assert "Of its own." in page
    assert not re.search(r"<(script|link|iframe)|src=\"(?!data:)|url\(", page)
    assert 'href="#known-limits"' in page
    assert 'id="known-limits"' in page


def test_a_markdown_card_has_its_figures_beside_it(model, report, figures, tmp_path):
    write_card(tmp_path / "c.md", model, VERSION, RECORD, report=report, figures=figures)
    text = (tmp_path / "c.md").read_text(encoding="utf-8")
    links = re.findall(r"!\[.*?\]\((.*?)\)", text)
    assert len(links) == 4
    assert all((tmp_path / link).read_bytes() == PNG for link in links)
    with pytest.raises(DataError, match=r"'c\.pdf' is neither \.md nor \.html"):
        write_card(tmp_path / "c.pdf", model, VERSION, RECORD, report=report)


@pytest.fixture
def home(tmp_path, empty_registry, monkeypatch, model, tested, figures):
    """A home with one version, whose card was kept when it was registered."""
    monkeypatch.setenv("DUECAST_HOME", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / "mlruns").mkdir()
    shutil.copy(empty_registry / "mlflow.db", tmp_path / "mlruns" / "mlflow.db")
    registry = open_registry(
        f"sqlite:///{tmp_path}/mlruns/mlflow.db", tmp_path / "mlruns" / "artifacts"
    )

    def card(version, record):
        return card_texts(model, version, record, report=tested, figures=figures)

    version = register(
        registry,
        model,
        parameters={name: value for name, value in RECORD.items() if name != "libraries"},
        metrics={},
        tags={"target": "write_off"},
        files={"report.json": json.dumps(tested)},
        figures=figures,
        card=card,
    )
    return tmp_path, registry, version


def test_the_command_writes_the_card_that_was_kept_with_the_version(home):
    folder, registry, version = home
    run = CliRunner().invoke
    words = ["write_off", "challenger", "--out", str(folder / "card.html")]
    done = run(card_commands.commands, words)
    assert done.exit_code == 0, done.output
    assert "Card of write_off version 1 written to" in done.output
    for name in ("card.html", "card.md"):
        registry.client.download_artifacts(version.run_id, name, str(folder / "drawn"))
    kept = (folder / "drawn" / "card.html").read_text(encoding="utf-8")
    assert (folder / "card.html").read_text(encoding="utf-8") == kept
    printed = run(card_commands.commands, ["write_off", "1"]).stdout
    with_pictures = (folder / "drawn" / "card.md").read_text(encoding="utf-8")
    assert "figures/recall.png" in with_pictures
    assert "](" not in printed
    assert printed.split("## Known limits")[1] == with_pictures.split("## Known limits")[1]
    again = run(card_commands.commands, words)
    assert isinstance(again.exception, DataError)
    assert "Add --overwrite" in str(again.exception)


def test_the_command_asks_for_a_version_that_there_is(home):
    found = CliRunner().invoke(card_commands.commands, ["write_off", "--out", "card.html"])
    assert isinstance(found.exception, NotFoundError)
    assert "write_off has no version 'champion'; it has 1 (challenger)" in str(found.exception)
