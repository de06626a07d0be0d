"""The tables of reconciliation: what carriers listed, and what was found in each run. In `metadata` with the others.

A finding holds everything that a report says of it, so a run is read again in the words of its own day whatever has
changed since.
"""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, Table, Text, false

from storage.schema import Id, Key, UtcSecond, UtcTime, metadata

listings = Table(
    "listings",  # who lists a carrier account now, and how far its newest listing has come
    metadata,
    Column("carrier_account", Key, primary_key=True),
    Column("number", Integer, nullable=False, server_default="0"),  # of the newest listing, from 1
    Column("fence", Text),
    Column("worker", Text),
    Column("lease_until", UtcTime),
    Column("begun_at", UtcSecond),
    Column("ended_at", UtcSecond),  # empty while something is left to read
    Column("pages_ended", Boolean, nullable=False, server_default=false()),  # then SIMs are read that no page had
    Column("cursor", Text),  # the page that is read next; empty: the first
    Column("page_count", Integer, nullable=False, server_default="0"),
    Column("failures", Integer, nullable=False, server_default="0"),  # tries of this page that brought nothing
    Column("problem", Text),  # what the last round ended with
)

listed_sims = Table(
    "listed_sims",  # what the newest listings showed; a row of an older listing counts no more
    metadata,
    Column("carrier_account", Key, primary_key=True),
    Column("iccid", Key, primary_key=True),
    Column("listing", Integer, nullable=False),
    Column("listed_at", UtcSecond, nullable=False),  # before the request left
    Column("state", Text, nullable=False),  # domain.lifecycle.SimState
    Column("word", Text, nullable=False),
    Column("plan_reference", Text, nullable=False, server_default=""),
    sqlite_with_rowid=False,
)

reconciliations = Table(
    "reconciliations",
    metadata,
    Column("id", Id, primary_key=True),
    Column("as_of", UtcSecond, nullable=False),
    Column("scope", Key, nullable=False),  # carrier account and product that were asked for; runs of one scope follow
    Column("carrier_account", Key),
    Column("product_id", Key),
    Column("previous_id", Id),  # the run that it is compared with
    Column("actor", Text, nullable=False),
    Column("zombie_days", Integer, nullable=False),
    Index("ix_reconciliations_scope_as_of", "scope", "as_of"),
)

reconciled_accounts = Table(
    "reconciled_accounts",  # one carrier account in one run
    metadata,
    Column("reconciliation_id", Id, ForeignKey("reconciliations.id"), primary_key=True, autoincrement=False),
    Column("carrier_account", Key, primary_key=True),
    Column("is_complete", Boolean, nullable=False),
    Column("listed_at", UtcSecond),  # when its listing began
    Column("page_count", Integer, nullable=False),
    Column("problem", Text, nullable=False),
    Column("sim_count", BigInteger, nullable=False),  # all below, and those with a finding
    Column("ok_count", BigInteger, nullable=False),
    Column("under_way_count", BigInteger, nullable=False),
    Column("unknown_count", BigInteger, nullable=False),
    Column("invoice", Text, nullable=False),  # the file's name; empty: none
    Column("invoice_month", Text, nullable=False),
    Column("invoice_lines", BigInteger, nullable=False),
    Column("invoice_unreadable", BigInteger, nullable=False),
)

findings = Table(
    "findings",
    metadata,
    Column("reconciliation_id", Id, ForeignKey("reconciliations.id"), primary_key=True, autoincrement=False),
    Column("kind", Key, primary_key=True),  # domain.reconciling.Kind, or "unknown" for a SIM that was not told of
    Column("carrier_account", Key, primary_key=True),
    Column("iccid", Key, primary_key=True),
    Column("change", Text, nullable=False),  # domain.reconciling.Change against the run before
    Column("counts", Boolean, nullable=False),  # whether the SIM counts as this, not as another of its kinds
    Column("product_id", Text, nullable=False),
    Column("wanted", Text, nullable=False),
    Column("carrier_state", Text, nullable=False),
    Column("carrier_word", Text, nullable=False),
    Column("plan", Text, nullable=False),
    Column("carrier_plan", Text, nullable=False),
    Column("amount_cents", BigInteger),
    Column("currency", Text, nullable=False),
    Column("used_bytes", BigInteger),
    Column("first_found", UtcSecond, nullable=False),  # the run since which it was found each time
    sqlite_with_rowid=False,
)
