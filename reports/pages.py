"""How a page is made: one file, nothing loaded, everything escaped; a script only where charts are drawn."""

import base64
import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from markupsafe import Markup

from reports.cells import visible
from reports.receipt_json import utc_text

if TYPE_CHECKING:
    from jinja2 import Environment


def render(template: str, *, sheets: Sequence[str] = ("page.css",), scripts: Sequence[str] = (), **content: Any) -> str:
    """The page as text. Its policy allows its own style sheet and its own scripts (by hash) and nothing else."""
    style = "".join(template_text(sheet) for sheet in sheets)
    return (
        _environment()
        .get_template(template)
        .render(
            style=Markup(style),  # noqa: S704
            style_hash=_digest(style),
            scripts=[Markup(script) for script in scripts],  # noqa: S704
            script_hashes=[_digest(script) for script in scripts],
            **content,
        )
    )


def template_text(name: str) -> str:
    """A file of our own templates, as it stands."""
    return files("reports").joinpath(f"templates/{name}").read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_shown,
    )
    environment.filters.update(
        count="{:,}".format, money=money, utc=utc_minute, machine_time=utc_text, link=link_beside, short=short
    )
    return environment


def _shown(value: Any) -> Any:
    """Every text that reaches a page has its hidden characters written out, before it is escaped."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def money(cents: int, currency: str) -> str:
    """`1,234.50 EUR`.

    >>> money(123450, "EUR")
    '1,234.50 EUR'
    """
    return f"{cents // 100:,}.{cents % 100:02d} {currency}"


def utc_minute(at: datetime) -> str:
    """`2025-06-02 09:30 UTC`."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def link_beside(path: str) -> str:
    """A link to a file in the page's own folder or below; whatever the name, it leads nowhere else.

    >>> link_beside("../a b#1.csv"), link_beside("javascript:alert(1)")
    ('./a%20b%231.csv', './javascript%3Aalert%281%29')
    """
    parts = [quote(part.encode("utf-8", "surrogatepass"), safe="") for part in path.split("/")]
    return "./" + "/".join(part for part in parts if part not in ("", ".", ".."))


def short(text: str, characters: int = 80) -> str:
    """The text, or its beginning and its end with an ellipsis between."""
    if len(text) <= characters:
        return text
    half = (characters - 1) // 2
    return f"{text[:half]}…{text[-half:]}"
