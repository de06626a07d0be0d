"""The tables of alerts as the first shape makes them."""

import sqlalchemy as sa
from alembic import op

from storage.migrations.parts import KEY, TIME, partial_index


def create_alerts() -> None:
    """What was raised, and its way to each channel."""
    _alerts()
    _alert_deliveries()


def _alerts() -> None:
    op.create_table(
        "alerts",
        sa.Column("id", KEY, nullable=False),
        sa.Column("key", KEY, nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("product_id", KEY),
        sa.Column("iccid", KEY),
        sa.Column("carrier_account", KEY),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("raised_at", TIME, nullable=False),
        sa.Column("recovered_at", TIME),
        sa.PrimaryKeyConstraint("id", name="pk_alerts"),
    )
    op.create_index("ix_alerts_raised_at", "alerts", ["raised_at"])
    partial_index("ix_alerts_key", "alerts", ["key", "level"], "recovered_at IS NULL", unique=True)


def _alert_deliveries() -> None:
    op.create_table(
        "alert_deliveries",
        sa.Column("alert_id", KEY, nullable=False),
        sa.Column("channel", KEY, nullable=False),
        sa.Column("state", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("due_at", TIME, nullable=False),
        sa.Column("fence", sa.Text()),
        sa.Column("answer", sa.Text()),
        sa.Column("answered_at", TIME),
        sa.PrimaryKeyConstraint("alert_id", "channel", name="pk_alert_deliveries"),
        sa.ForeignKeyConstraint(["alert_id"], ["alerts.id"], name="fk_alert_deliveries_alert_id_alerts"),
        sqlite_with_rowid=False,
    )
    partial_index("ix_alert_deliveries_waiting", "alert_deliveries", ["channel", "due_at"], "state = 'waiting'")
