"""Put the rows of a block where they belong: product, home country, carrier account, plan; or say why not."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress, repeat

import numpy as np
from numpy.typing import NDArray

from domain.iccid import IssuerProfile
from domain.iccid_batch import carrier_of
from domain.kept_text import MOST_TEXT
from domain.lines import LineOutcome, Reason, Verdict
from domain.manifests import ManifestColumn
from domain.plain_rows import iccids_of
from domain.routing import Misplaced, Placement, Router
from storage.readers.block import Block

Combination = tuple[str | None, str | None, str | None]
"""Product, home country, carrier account: what decides where a row belongs."""

REMEMBERED = 1_000
"""So many decisions are remembered; what rows say of themselves may be another word on each of a million lines."""
_SAID_BY_ROW = (ManifestColumn.PRODUCT, ManifestColumn.HOME_COUNTRY, ManifestColumn.CARRIER_ACCOUNT)
"""The columns in which a row says so itself, in the order of a combination."""


@dataclass(frozen=True, slots=True)
class Defaults:
    """What holds for rows that do not say so themselves: the route's word, or the command line's."""

    product: str | None = None
    home_country: str | None = None
    carrier_account: str | None = None


@dataclass(frozen=True, slots=True)
class Rows:
    """Some rows of one block. `cells` has the optional columns of exactly these rows."""

    iccids: list[str]
    lines: list[int]
    cells: Mapping[ManifestColumn, list[str]]

    def only(self, kept: Sequence[int]) -> "Rows":
        """The rows at these positions."""
        cells = {column: [values[i] for i in kept] for column, values in self.cells.items()}
        return Rows([self.iccids[i] for i in kept], [self.lines[i] for i in kept], cells)


@dataclass
class Placer:
    """Places blocks. Each combination of product, country and account is decided once in a block, mostly in a file."""

    router: Router
    issuers: Sequence[IssuerProfile]
    defaults: Defaults
    _decided: dict[Combination, Placement | Misplaced] = field(default_factory=dict)

    def place(
        self, block: Block, counts: NDArray[np.bool_], outcomes: list[LineOutcome]
    ) -> Iterator[tuple[Placement, Rows]]:
        """The rows where `counts` is true, by placement; what cannot be placed is appended to `outcomes`."""
        for combination, positions in self._combinations(block, counts).items():
            decision = self._decide(combination)
            rows = _rows(block, positions)
            if isinstance(decision, Misplaced):
                outcomes.extend(_misplaced(rows, decision, combination))
            elif decision.needs_registration_code:
                yield decision, _with_codes(rows, outcomes)
            else:
                yield decision, rows

    def _decide(self, combination: Combination) -> Placement | Misplaced:
        if combination not in self._decided:
            if len(self._decided) >= REMEMBERED:
                self._decided.clear()
            product, country, account = combination
            self._decided[combination] = self.router.place(product, country, account)
        return self._decided[combination]

    def _combinations(self, block: Block, counts: NDArray[np.bool_]) -> dict[Combination, NDArray[np.intp]]:
        """Which rows share product, country and account: the row's own words, else the default, else the issuer's."""
        positions = np.flatnonzero(counts)
        accounts, account_of = self._accounts(block.keys[positions])
        if not block.cells.keys().isdisjoint(_SAID_BY_ROW):
            return self._by_row(block, counts, [accounts[i] for i in account_of.tolist()])
        return {
            (self.defaults.product, self.defaults.home_country, accounts[index]): positions[account_of == index]
            for index in np.flatnonzero(np.bincount(account_of)).tolist()
        }

    def _accounts(self, keys: NDArray[np.int64]) -> tuple[list[str | None], NDArray[np.int64]]:
        """The accounts that occur, each once, and for every key its place among them; several issuers share one."""
        if self.defaults.carrier_account is not None:
            return [self.defaults.carrier_account], np.zeros(len(keys), np.int64)
        of_issuer = [issuer.carrier_account for issuer in self.issuers]
        accounts: list[str | None] = [None, *sorted({account for account in of_issuer if account})]
        places = np.array([*(accounts.index(account or None) for account in of_issuer), 0], np.int64)
        return accounts, places[carrier_of(keys, self.issuers)]  # an unknown issuer is -1: the last place

    def _by_row(
        self, block: Block, counts: NDArray[np.bool_], accounts: Sequence[str | None]
    ) -> dict[Combination, NDArray[np.intp]]:
        """A million rows hold few combinations of words, so a word is looked at once for all rows that share it."""
        products, countries, named = (_chosen(block.cells.get(column), counts) for column in _SAID_BY_ROW)
        written = zip(products, countries, named, accounts, strict=False)
        alike: defaultdict[tuple[str, str, str, str | None], list[int]] = defaultdict(list)
        for words, position in zip(written, np.flatnonzero(counts).tolist(), strict=True):
            alike[words].append(position)
        grouped: dict[Combination, list[int]] = {}
        for (product, country, account, otherwise), rows in alike.items():
            combination = (
                product.strip() or self.defaults.product,
                country.strip() or self.defaults.home_country,
                account.strip() or otherwise,
            )
            grouped.setdefault(combination, []).extend(rows)
        return {combination: np.sort(np.array(rows, np.intp)) for combination, rows in grouped.items()}


def _chosen(column: Sequence[str] | None, counts: NDArray[np.bool_]) -> Iterable[str]:
    """The cells of the rows that count; empty ones, without end, for a column that the file does not have."""
    return repeat("") if column is None else compress(column, counts.tolist())


def _rows(block: Block, positions: NDArray[np.intp]) -> Rows:
    chosen = positions.tolist()
    cells = {column: [values[i] for i in chosen] for column, values in block.cells.items()}
    return Rows(iccids_of(block.keys[positions]), block.lines[positions].tolist(), cells)


def _misplaced(rows: Rows, decision: Misplaced, combination: Sequence[str | None]) -> Iterator[LineOutcome]:
    text = " / ".join(word or "-" for word in combination)[:MOST_TEXT]
    for line, iccid in zip(rows.lines, rows.iccids, strict=True):
        yield LineOutcome(line, Verdict.REJECTED, decision.reason, text, iccid, decision.detail)


def _with_codes(rows: Rows, outcomes: list[LineOutcome]) -> Rows:
    """Without a registration code a carrier that wants one can never claim the SIM: such rows are rejected here."""
    codes = rows.cells.get(ManifestColumn.REGISTRATION_CODE) or [""] * len(rows.lines)
    outcomes.extend(
        LineOutcome(rows.lines[i], Verdict.REJECTED, Reason.REGISTRATION_CODE_MISSING, iccid=rows.iccids[i])
        for i, code in enumerate(codes)
        if not code.strip()
    )
    return rows.only([i for i, code in enumerate(codes) if code.strip()])
