"""The invoices that a reconciliation takes in: those that a person names, else the newest of each account's folder."""

from collections.abc import Mapping
from pathlib import Path

from domain.invoices import InvoiceRefused, month_of_name
from domain.manifests import ManifestRefused
from engine.context import Context
from storage.comparing import Invoice
from storage.readers.invoice import read_invoice

SUFFIXES = (".csv", ".tsv", ".txt", ".xlsx", ".gz")


def read_one(context: Context, account: str, path: Path) -> tuple[Invoice, list[str]]:
    """One account's file, and its first lines that cannot be read. Raises `InvoiceRefused`; the sentence says why."""
    columns = context.invoices.get(account)
    if columns is None:
        raise InvoiceRefused(
            f"{path.name}: no columns are configured for {account}. Write [reconciliation.invoices.{account}]."
        )
    month = month_of_name(path.name)
    try:
        read = read_invoice(path, columns, context.issuers, context.file_limits)
    except ManifestRefused as refusal:
        raise InvoiceRefused(f"{path.name}: {refusal}") from None
    except OSError as error:
        raise InvoiceRefused(f"{path.name} cannot be opened: {error.strerror}.") from None
    return Invoice(path.name, month, read.rows, read.line_count, read.unreadable_count), read.unreadable


def of_folders(
    context: Context, accounts: Mapping[str, object] | set[str]
) -> tuple[dict[str, Invoice], dict[str, str]]:
    """The newest month of each of these accounts' folders; and why a file could not be used, by account."""
    found: dict[str, Invoice] = {}
    refused: dict[str, str] = {}
    for account, columns in context.invoices.items():
        if account not in accounts or columns.folder is None:
            continue
        try:
            path = newest_in(Path(columns.folder))
            if path is not None:
                found[account], _ = read_one(context, account, path)
        except InvoiceRefused as refusal:
            refused[account] = str(refusal)
    return found, refused


def newest_in(folder: Path) -> Path | None:
    """The file of the newest month; of one month the last by name. None where there is none.

    Raises `InvoiceRefused` for a name that says no month: nothing is left out in silence.
    """
    if not folder.is_dir():
        raise InvoiceRefused(f"There is no folder {folder}. Make it, or correct `folder` in the settings.")
    files = [path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")]
    return max(files, key=lambda path: (month_of_name(path.name).first, path.name), default=None)
