"""docs/configuration.md knows every setting, and says its real default."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from config import alert_sections, sections
from config.settings import Settings

PLACES: dict[str, type[BaseModel]] = {
    "Top level": Settings,
    "[database]": sections.DatabaseSection,
    "[reports]": sections.ReportsSection,
    '[[sources]] of kind "folder"': sections.FolderSection,
    '[[sources]] of kind "s3"': sections.S3Section,
    "[[sources.routes]]": sections.RouteSection,
    "[[accounts]]": sections.AccountSection,
    "[[products]]": sections.ProductSection,
    "[brake]": sections.BrakeSection,
    "[alerts]": alert_sections.AlertsSection,
    "[[alerts.webhooks]]": alert_sections.WebhookSection,
    "[[alerts.mail]]": alert_sections.MailSection,
    "[timing]": sections.TimingSection,
    "[file_limits]": sections.FileLimitsSection,
    "[usage]": sections.UsageSection,
    "[reconciliation]": sections.ReconciliationSection,
    "[reconciliation.invoices.NAME]": sections.InvoiceSection,
    "[[issuers]]": sections.IssuerSection,
    "[carrier_accounts.NAME]": sections.CarrierAccountSection,
    "[[plans]]": sections.PlanSection,
}
PARTS = {
    *("database", "reports", "sources", "accounts", "products", "brake", "alerts", "timing", "file_limits", "usage"),
    "reconciliation",
}
LISTED_ELSEWHERE = PARTS | {"issuers", "carrier_accounts", "zones", "plans"}
ROW = re.compile(r"^\| `(\w+)` \| (.+?) \| .+\|$", re.MULTILINE)


def rows_below(text: str, heading: str) -> dict[str, str]:
    """Key -> default as the first table below the heading says."""
    part = text.split(f"### {heading}\n", 1)[1].split("\n#", 1)[0].split("\nA window:", maxsplit=1)[0]
    return dict(ROW.findall(part))


@pytest.mark.parametrize("heading", PLACES)
def test_the_page_lists_exactly_the_keys_with_their_defaults(root: Path, heading: str) -> None:
    rows = rows_below((root / "docs" / "configuration.md").read_text(encoding="utf-8"), heading)
    fields = PLACES[heading].model_fields
    elsewhere = LISTED_ELSEWHERE if heading == "Top level" else set()
    assert set(rows) == set(fields) - elsewhere
    for name, said in rows.items():
        default = fields[name].default
        assert (said == "required") == (default is PydanticUndefined or name == "kind"), name
        if isinstance(default, int | float) and not isinstance(default, bool):
            assert said == str(default), name
