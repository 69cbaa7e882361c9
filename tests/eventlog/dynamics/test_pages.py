"""docs/d365.md says what the schema and the projection say."""

import re
from pathlib import Path

import pytest

from eventlog.dynamics.pages import changes_page, tables_page
from eventlog.template import ACTIVITIES

PAGE = (Path(__file__).parents[3] / "docs" / "d365.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("name", "text"), [("tables", tables_page()), ("changes", changes_page())])
def test_the_page_is_up_to_date(name, text):
    (stated,) = re.findall(f"<!-- {name} -->\n\n(.*?)\n<!-- end of {name} -->", PAGE, re.DOTALL)
    assert stated == text


def test_every_activity_is_explained():
    table = PAGE.split("## How each activity is derived")[1].split("## Enum numbers")[0]
    lacking = [a.name for a in ACTIVITIES if a.name.removeprefix("Credit Limit ") not in table]
    assert lacking == []
