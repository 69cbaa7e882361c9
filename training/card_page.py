"""A model card's Markdown as one HTML page that needs no other file."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import jinja2
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup, escape

#: More pictures than this in one place are folded away until somebody asks for them.
MOST_OPEN = 4
TEMPLATES = Path(__file__).with_name("card_template")


def templates() -> jinja2.Environment:
    """The templates of a card: a value that is not handed in is an error."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        autoescape=jinja2.select_autoescape(enabled_extensions=("html.jinja",), default=False),
    )


def card_html(markdown: str, figures: Path | None = None) -> str:
    """The card as one HTML page that needs no other file.

    Parameters
    ----------
    markdown : str
        From `card_markdown`. HTML inside it is shown, not run.
    figures : Path, optional
        Folder of the pictures that it links; each becomes a part of the page.
    """
    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    reader.add_render_rule("text", _text)
    tokens = reader.parse(markdown)
    sections = []
    for opening, heading in pairwise(tokens):
        if opening.type != "heading_open":
            continue
        anchor = re.sub(r"[^a-z0-9]+", "-", heading.content.lower()).strip("-")
        opening.attrSet("id", anchor)
        if opening.tag == "h2":
            sections.append({"anchor": anchor, "title": heading.content})
    tokens = _framed(_pictured(tokens, figures))
    body = reader.renderer.render(tokens, reader.options, {})
    title = next((t.content for o, t in pairwise(tokens) if o.tag == "h1"), "Model card")
    page = templates().get_template("page.html.jinja")
    return page.render(title=title, sections=sections, body=Markup(body))


def _framed(tokens: list[Token]) -> list[Token]:
    """Tables in a frame that scrolls where they are wider than the page."""
    found = []
    for token in tokens:
        if token.type == "table_open":
            found.append(_html('<div class="table">\n'))
        found.append(token)
        if token.type == "table_close":
            found.append(_html("</div>\n"))
    return found


def _pictured(tokens: list[Token], figures: Path | None) -> list[Token]:
    """Paragraphs that are pictures only, as figures with captions and the pictures inside."""
    found: list[Token] = []
    skip = 0
    for i, token in enumerate(tokens):
        if skip:
            skip -= 1
            continue
        inline = tokens[i + 1] if i + 1 < len(tokens) else token
        images = [child for child in inline.children or [] if child.type == "image"]
        others = [c for c in inline.children or [] if c.type not in ("image", "softbreak")]
        if token.type != "paragraph_open" or not images or others:
            found.append(token)
            continue
        pictures = "".join(_figure(image, figures) for image in images)
        framed = f'<div class="figures">\n{pictures}</div>\n'
        if len(images) > MOST_OPEN:
            told = f"{len(images)} more figures"
            framed = f"<details><summary>{told}</summary>\n{framed}</details>\n"
        found.append(_html(framed))
        skip = 2
    return found


def _figure(image: Token, figures: Path | None) -> str:
    link, caption = str(image.attrs["src"]), escape(image.content)
    picture = (figures or Path()) / Path(link).name
    form = ""
    if figures is not None and picture.is_file():
        png = picture.read_bytes()
        link = f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"
        form = ' class="wide"' if _is_wide(png) else ""
    return (
        f'<figure{form}><img src="{escape(link)}" alt="{caption}">'
        f"<figcaption>{caption}</figcaption></figure>\n"
    )


_DATE = re.compile(r"\d{4}-\d\d-\d\d")


def _text(_: object, tokens: Sequence[Token], i: int, *__: object) -> str:
    """Text whose dates are not broken at their hyphens."""
    return _DATE.sub(r'<span class="date">\g<0></span>', str(escape(tokens[i].content)))


def _is_wide(png: bytes) -> bool:
    """Whether a picture is more than 1.8 times as wide as it is high, by its header."""
    width, height = int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")
    return width > 1.8 * height


def _html(text: str) -> Token:
    return Token("html_block", "", 0, content=text)
