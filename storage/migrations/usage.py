"""The tables of usage as the first shape makes them."""

import sqlalchemy as sa
from alembic import op

from storage.migrations.parts import KEY, TIME


def create_usage() -> None:
    """What was told of each SIM and day, and who was asked for what."""
    _usage()
    _usage_asked()


def _usage() -> None:
    op.create_table(
        "usage_days",
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("iccid", KEY, nullable=False),
        sa.Column("carrier_account", KEY, nullable=False),
        sa.Column("product_id", KEY, nullable=False),
        sa.Column("total_bytes", sa.BigInteger(), nullable=False),
        sa.Column("as_of", sa.BigInteger(), nullable=False),
        sa.Column("is_derived", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("day", "iccid", "carrier_account", name="pk_usage_days"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_usage_days_product_id_day", "usage_days", ["product_id", "day"])
    op.create_table(
        "usage_restated",
        sa.Column("iccid", KEY, nullable=False),
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("carrier_account", KEY, nullable=False),
        sa.Column("as_of", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("total_bytes", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("iccid", "day", "carrier_account", "as_of", "total_bytes", name="pk_usage_restated"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "usage_versions",
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("carrier_account", KEY, nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("day", "carrier_account", name="pk_usage_versions"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "usage_readings",
        sa.Column("carrier_account", KEY, nullable=False),
        sa.Column("iccid", KEY, nullable=False),
        sa.Column("first_day", sa.Integer(), nullable=False),
        sa.Column("total_bytes", sa.BigInteger(), nullable=False),
        sa.Column("as_of", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("carrier_account", "iccid", name="pk_usage_readings"),
        sqlite_with_rowid=False,
    )


def _usage_asked() -> None:
    op.create_table(
        "usage_known",
        sa.Column("carrier_account", KEY, nullable=False),
        sa.Column("iccid", KEY, nullable=False),
        sa.Column("first_day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("last_day", sa.Integer(), nullable=False),
        sa.Column("known_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("carrier_account", "iccid", "first_day", name="pk_usage_known"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "usage_asks",
        sa.Column("carrier_account", KEY, nullable=False),
        sa.Column("iccid", KEY, nullable=False),
        sa.Column("first_day", sa.Integer(), nullable=False),
        sa.Column("last_day", sa.Integer(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("problem", sa.Text()),
        sa.PrimaryKeyConstraint("carrier_account", "iccid", name="pk_usage_asks"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "usage_turns",
        sa.Column("carrier_account", KEY, nullable=False),
        sa.Column("fence", sa.Text()),
        sa.Column("worker", sa.Text()),
        sa.Column("lease_until", TIME),
        sa.Column("first_day", sa.Integer()),
        sa.Column("last_day", sa.Integer()),
        sa.Column("begun_at", sa.BigInteger()),
        sa.Column("ended_at", sa.BigInteger()),
        sa.Column("cursor", sa.Text()),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("problem", sa.Text()),
        sa.PrimaryKeyConstraint("carrier_account", name="pk_usage_turns"),
    )
