"""The tables of reconciliation as the first shape makes them."""

import sqlalchemy as sa
from alembic import op

from storage.migrations.parts import ID, KEY


def create_reconciling() -> None:
    """What carriers listed, and what was found in each run."""
    _listings()
    _runs()
    _findings()


def _listings() -> None:
    op.create_table(
        "listings",
        sa.Column("carrier_account", KEY, nullable=False),
        sa.Column("number", sa.Integer(), server_default="0", nullable=False),
        sa.Column("fence", sa.Text()),
        sa.Column("worker", sa.Text()),
        sa.Column("lease_until", sa.DateTime(timezone=True)),
        sa.Column("begun_at", sa.BigInteger()),
        sa.Column("ended_at", sa.BigInteger()),
        sa.Column("pages_ended", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("cursor", sa.Text()),
        sa.Column("page_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("problem", sa.Text()),
        sa.PrimaryKeyConstraint("carrier_account", name="pk_listings"),
    )
    op.create_table(
        "listed_sims",
        sa.Column("carrier_account", KEY, nullable=False),
        sa.Column("iccid", KEY, nullable=False),
        sa.Column("listing", sa.Integer(), nullable=False),
        sa.Column("listed_at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("word", sa.Text(), nullable=False),
        sa.Column("plan_reference", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("carrier_account", "iccid", name="pk_listed_sims"),
        sqlite_with_rowid=False,
    )


def _runs() -> None:
    op.create_table(
        "reconciliations",
        sa.Column("id", ID, nullable=False),
        sa.Column("as_of", sa.BigInteger(), nullable=False),
        sa.Column("scope", KEY, nullable=False),
        sa.Column("carrier_account", KEY),
        sa.Column("product_id", KEY),
        sa.Column("previous_id", ID),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("zombie_days", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_reconciliations"),
    )
    op.create_index("ix_reconciliations_scope_as_of", "reconciliations", ["scope", "as_of"])
    op.create_table(
        "reconciled_accounts",
        sa.Column("reconciliation_id", ID, nullable=False),
        sa.Column("carrier_account", KEY, nullable=False),
        sa.Column("is_complete", sa.Boolean(), nullable=False),
        sa.Column("listed_at", sa.BigInteger()),
        sa.Column("page_count", sa.Integer(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in _COUNTS),
        sa.Column("invoice", sa.Text(), nullable=False),
        sa.Column("invoice_month", sa.Text(), nullable=False),
        sa.Column("invoice_lines", sa.BigInteger(), nullable=False),
        sa.Column("invoice_unreadable", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("reconciliation_id", "carrier_account", name="pk_reconciled_accounts"),
        sa.ForeignKeyConstraint(
            ["reconciliation_id"],
            ["reconciliations.id"],
            name="fk_reconciled_accounts_reconciliation_id_reconciliations",
        ),
    )


_COUNTS = ("sim_count", "ok_count", "under_way_count", "unknown_count")


def _findings() -> None:
    texts = ("product_id", "wanted", "carrier_state", "carrier_word", "plan", "carrier_plan")
    op.create_table(
        "findings",
        sa.Column("reconciliation_id", ID, nullable=False),
        sa.Column("kind", KEY, nullable=False),
        sa.Column("carrier_account", KEY, nullable=False),
        sa.Column("iccid", KEY, nullable=False),
        sa.Column("change", sa.Text(), nullable=False),
        sa.Column("counts", sa.Boolean(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in texts),
        sa.Column("amount_cents", sa.BigInteger()),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("used_bytes", sa.BigInteger()),
        sa.Column("first_found", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("reconciliation_id", "kind", "carrier_account", "iccid", name="pk_findings"),
        sa.ForeignKeyConstraint(
            ["reconciliation_id"], ["reconciliations.id"], name="fk_findings_reconciliation_id_reconciliations"
        ),
        sqlite_with_rowid=False,
    )
