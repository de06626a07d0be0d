"""Invoices in a reconciliation: both forms of ICCIDs, hostile cells, money, and files that cannot be used."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import xlsxwriter

from domain.iccid import IssuerProfile
from domain.invoices import InvoiceColumns, InvoiceRefused, millionths_of, month_of_name
from domain.lifecycle import Action, SimState, Step
from engine.invoices import newest_in, read_one
from engine.reconciliation_document import document_of
from engine.reconciling import Invoices
from storage.database import Database
from tests.engine.reconciled import Reconciled, now, open_reconciled
from tests.engine.rig import ACCOUNT, ISSUER, iccids

BILLED, UNBILLED, STOPPED, STRANGER, LOST = iccids(5)
MONTH = f"{(now().replace(day=1) - timedelta(days=1)):%Y-%m}"
COLUMNS = InvoiceColumns("SIM", "Total", currency="EUR", decimal=",", check_digit_omitted=True)


@pytest.fixture
def world(stocked: Database, tmp_path: Path) -> Iterator[Reconciled]:
    """Two active SIMs, and one that was stopped long before the month."""
    issuers = [IssuerProfile(ISSUER, "KORE", frozenset({20}), carrier_account=ACCOUNT)]
    with open_reconciled("supersim", stocked, tmp_path, invoices={ACCOUNT: COLUMNS}, issuers=issuers) as opened:
        opened.both([BILLED, UNBILLED])
        opened.ours(STOPPED, state=SimState.DEACTIVATED)
        opened.at_carrier(STOPPED, SimState.DEACTIVATED)
        opened.operation(STOPPED, Action.DEACTIVATE, Step.DONE, since=timedelta(days=100))
        yield opened


def invoice(world: Reconciled, *lines: str, name: str = f"kore-{MONTH}.csv") -> Invoices:
    path = world.rig.folder / name
    path.write_text("\n".join(("Note;SIM;Total", *lines)) + "\n")
    return Invoices({ACCOUNT: read_one(world.rig.context, ACCOUNT, path)[0]})


def test_what_is_billed_for_nothing_and_what_is_not_billed_have_their_sums(world: Reconciled) -> None:
    lines = (f"x;{BILLED};1,10", f"x;{STOPPED[:-1]};1.234,56", f"x;{STRANGER};2,00")
    run = world.reconcile(invoices=invoice(world, *lines))
    assert world.found(run) == {"overbilled": {STOPPED, STRANGER}, "unbilled": {UNBILLED}}
    sums = {one.iccid: (one.amount_cents, one.currency) for one in world.all(run)}
    assert sums == {STOPPED: (123_456, "EUR"), STRANGER: (200, "EUR"), UNBILLED: (110, "USD")}
    facts = [(fact.value, fact.currency) for fact in document_of(world.rig.context, run).facts if fact.currency]
    assert facts == [(123_656, "EUR")]


def test_sums_below_a_cent_count_and_one_that_cannot_be_read_makes_the_whole_unknown(world: Reconciled) -> None:
    lines = [f"x;{BILLED};1,00", f"x;{UNBILLED};1,00", *[f"x;{STOPPED};0,004"] * 500]
    lines += [f"x;{STRANGER};1,00", f"x;{STRANGER};n/a"]
    run = world.reconcile(invoices=invoice(world, *lines))
    assert {one.iccid: (one.kind, one.amount_cents) for one in world.all(run)} == {
        STOPPED: ("overbilled", 200),
        STRANGER: ("overbilled", None),
    }


def test_hostile_cells_are_counted_and_believed_in_nothing(world: Reconciled) -> None:
    lines = (
        f'=1+1;{BILLED};"=HYPERLINK(""x"")"',
        f"x;{UNBILLED};9E99",
        "x;8,98830E+18;1,00",
        "Sum;;99,00",
        "x;'; DROP TABLE sims; --;1,00",
    )
    run = world.reconcile(invoices=invoice(world, *lines))
    assert world.found(run) == {}
    account = world.account(run)
    assert (account.invoice_lines, account.invoice_unreadable, account.invoice_month) == (2, 3, MONTH)


def test_a_workbook_gives_the_same_and_a_number_is_no_iccid(world: Reconciled) -> None:
    path = world.rig.folder / f"kore-{MONTH}.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        for row, cells in enumerate((("SIM", "Total"), (STOPPED, 12.5), (BILLED, 1.1), (int(LOST), 1))):
            for column, cell in enumerate(cells):
                sheet.write(row, column, cell)
    told, unreadable = read_one(world.rig.context, ACCOUNT, path)
    run = world.reconcile(invoices=Invoices({ACCOUNT: told}))
    assert {one.iccid: one.amount_cents for one in world.all(run)} == {STOPPED: 1_250, UNBILLED: 110}
    assert unreadable == ["line 4: the ICCID is a number, so a spreadsheet has rounded it"]


def test_without_an_invoice_a_billing_finding_is_not_gone(world: Reconciled) -> None:
    world.reconcile(invoices=invoice(world, f"x;{BILLED};1,10", f"x;{UNBILLED};1,10", f"x;{STOPPED};1,10"))
    (told,) = world.all(world.reconcile())
    assert (told.iccid, told.kind, told.change, told.amount_cents) == (STOPPED, "overbilled", "not_looked_at", 110)


def test_files_that_cannot_be_used_say_why(world: Reconciled) -> None:
    folder = world.rig.folder
    for name, text, sentence in (
        ("kore.csv", "SIM;Total\n", "must say the invoice's month"),
        ("kore-2026-02.csv", "Card;Total\n1;2\n", "no column is called SIM"),
        ("kore-2026-02.csv", "SIM;Sum\n1;2\n", "no column is called Total"),
        ("kore-2026-02.csv", "", "empty"),
    ):
        (folder / name).write_text(text)
        with pytest.raises(InvoiceRefused, match=sentence):
            read_one(world.rig.context, ACCOUNT, folder / name)


def test_the_newest_month_of_a_folder_is_taken(tmp_path: Path) -> None:
    for name in ("b-2025-12.csv", "a-2026-01.csv", "notes.pdf"):
        (tmp_path / name).touch()
    found = newest_in(tmp_path)
    assert found
    assert found.name == "a-2026-01.csv"


@pytest.mark.parametrize("text", ["", "1,2,x", "=1", "9E9", "1 000 000 000 000 000", "-"])
def test_what_is_no_plain_sum_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no sum"):
        millionths_of(text)


def test_a_name_with_two_months_is_refused() -> None:
    with pytest.raises(InvoiceRefused):
        month_of_name("2026-01-to-2026-02.csv")
