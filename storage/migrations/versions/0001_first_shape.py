"""The first shape: inventory, manifests, SIMs, the ledger and its history, limits; and what stands beside.

Revision ID: 0001
"""

import sqlalchemy as sa
from alembic import op

from storage.migrations.alerts import create_alerts
from storage.migrations.parts import ID, KEY, TIME, partial_index, seal
from storage.migrations.reconciling import create_reconciling
from storage.migrations.usage import create_usage

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create every table, and the rule that history and halts are only ever added to."""
    _accounts()
    _products()
    _plans()
    _devices()
    _manifests()
    _halts()
    _rejections()
    _placements()
    _sims()
    _former_placements()
    _operations()
    _history()
    _limits()
    create_usage()
    create_alerts()
    create_reconciling()
    seal("history")
    seal("halts")


def _accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", KEY, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("other_device_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_accounts"),
    )


def _products() -> None:
    op.create_table(
        "products",
        sa.Column("id", KEY, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("tier", sa.Text(), nullable=False),
        sa.Column("protect_from_release", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_products"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_products_account_id_accounts"),
    )


def _plans() -> None:
    op.create_table(
        "plans",
        sa.Column("id", KEY, nullable=False),
        sa.Column("carrier_account", KEY, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("countries", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text()),
        sa.Column("monthly_price_cents", sa.Integer(), nullable=False),
        sa.Column("included_bytes", sa.BigInteger(), nullable=False),
        sa.Column("overage_cents_per_mb", sa.Float(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("carrier_reference", sa.Text(), nullable=False),
        sa.Column("in_catalogue", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_plans"),
    )


def _devices() -> None:
    op.create_table(
        "devices",
        sa.Column("device_id", KEY, nullable=False),
        sa.Column("iccid", KEY),
        sa.Column("name", sa.Text()),
        sa.Column("imported_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("device_id", name="pk_devices"),
    )


def _manifests() -> None:
    op.create_table(
        "manifests",
        sa.Column("id", KEY, nullable=False),
        sa.Column("source", KEY, nullable=False),
        sa.Column("item_key", KEY, nullable=False),
        sa.Column("version", KEY, nullable=False),
        sa.Column("sha256", KEY),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("product_id", KEY),
        sa.Column("home_country", sa.Text()),
        sa.Column("carrier_account", KEY),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger()),
        sa.Column("same_content_as", KEY),
        sa.Column("lines", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("ignored", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("accepted", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("rejected", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("duplicate", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("known", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("approved_by", sa.Text()),
        sa.Column("halt", sa.Text()),
        sa.Column("halted_by", sa.Text()),
        sa.Column("halt_reason", sa.Text()),
        sa.Column("halted_at", TIME),
        sa.Column("fence", sa.Text()),
        sa.Column("lease_until", TIME),
        sa.Column("received_at", TIME, nullable=False),
        sa.Column("loaded_at", TIME),
        sa.Column("finished_at", TIME),
        sa.Column("receipt_at", TIME),
        sa.Column("receipt", sa.Text()),
        sa.Column("first_operation_id", sa.BigInteger()),
        sa.Column("last_operation_id", sa.BigInteger()),
        sa.Column("receipt_steps", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_manifests"),
        sa.UniqueConstraint("source", "item_key", "version", name="uq_manifests_source_item_key_version"),
    )
    op.create_index("ix_manifests_sha256", "manifests", ["sha256"])
    partial_index("ix_manifests_halted", "manifests", ["state"], "halt IS NOT NULL")
    op.create_index("ix_manifests_received_at_id", "manifests", ["received_at", "id"])
    is_open = "state = 'received' OR state = 'needs_approval' OR state = 'loaded'"
    under_way = f"({is_open} OR receipt_at IS NULL OR receipt_at < finished_at)"
    partial_index("ix_manifests_under_way", "manifests", ["received_at", "id"], under_way)


def _halts() -> None:
    op.create_table(
        "halts",
        sa.Column("manifest_id", KEY, nullable=False),
        sa.Column("nth", sa.Integer(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("word", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("manifest_id", "nth", name="pk_halts"),
        sa.ForeignKeyConstraint(["manifest_id"], ["manifests.id"], name="fk_halts_manifest_id_manifests"),
        sqlite_with_rowid=False,
    )


def _rejections() -> None:
    op.create_table(
        "rejections",
        sa.Column("manifest_id", KEY, nullable=False),
        sa.Column("line", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("through_line", sa.BigInteger()),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("iccid", KEY),
        sa.Column("text", sa.Text(), server_default="", nullable=False),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("manifest_id", "line", name="pk_rejections"),
        sa.ForeignKeyConstraint(["manifest_id"], ["manifests.id"], name="fk_rejections_manifest_id_manifests"),
        sqlite_with_rowid=False,
    )


def _placements() -> None:
    op.create_table(
        "placements",
        sa.Column("manifest_id", KEY, nullable=False),
        sa.Column("product_id", KEY, nullable=False),
        sa.Column("home_country", KEY, nullable=False),
        sa.Column("carrier_account", KEY, nullable=False),
        sa.Column("plan_id", KEY, nullable=False),
        sa.Column("sim_count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "manifest_id", "product_id", "home_country", "carrier_account", "plan_id", name="pk_placements"
        ),
        sa.ForeignKeyConstraint(["manifest_id"], ["manifests.id"], name="fk_placements_manifest_id_manifests"),
    )


def _sims() -> None:
    op.create_table(
        "sims",
        sa.Column("iccid", KEY, nullable=False),
        sa.Column("product_id", KEY, nullable=False),
        sa.Column("carrier_account", KEY, nullable=False),
        sa.Column("plan_id", KEY, nullable=False),
        sa.Column("home_country", sa.Text(), nullable=False),
        sa.Column("manifest_id", KEY, nullable=False),
        sa.Column("line", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), server_default="absent", nullable=False),
        sa.Column("carrier_word", sa.Text()),
        sa.Column("carrier_reference", sa.Text()),
        sa.Column("carrier_plan_reference", sa.Text()),
        sa.Column("registration_code", sa.LargeBinary()),
        sa.Column("device_id", KEY),
        sa.Column("device_name", sa.Text()),
        sa.Column("note", sa.Text()),
        sa.Column("msisdn", sa.Text()),
        sa.Column("imsi", sa.Text()),
        sa.Column("first_activated_at", TIME),
        sa.Column("last_activated_at", TIME),
        sa.Column("activations_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("deactivations_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("seen_at", TIME),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("iccid", name="pk_sims"),
    )
    op.create_index("ix_sims_product_id", "sims", ["product_id"])
    partial_index("ix_sims_released", "sims", ["product_id"], "state = 'released'")
    partial_index("ix_sims_named", "sims", ["carrier_reference"], "carrier_reference IS NOT NULL")


def _former_placements() -> None:
    op.create_table(
        "former_placements",
        sa.Column("iccid", KEY, nullable=False),
        sa.Column("moved_at", TIME, nullable=False),
        sa.Column("left_at", TIME, nullable=False),
        sa.Column("product_id", KEY, nullable=False),
        sa.Column("carrier_account", KEY, nullable=False),
        sa.Column("plan_id", KEY, nullable=False),
        sa.Column("home_country", sa.Text(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("first_activated_at", TIME),
        sa.PrimaryKeyConstraint("iccid", "moved_at", name="pk_former_placements"),
        sqlite_with_rowid=False,
    )


def _operations() -> None:
    op.create_table(
        "operations",
        sa.Column("id", ID, nullable=False),
        sa.Column("iccid", KEY, nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("carrier_account", KEY, nullable=False),
        sa.Column("manifest_id", KEY, nullable=False),
        sa.Column("line", sa.BigInteger(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), server_default="0", nullable=False),
        sa.Column("due_at", TIME, nullable=False),
        sa.Column("fence", sa.Text()),
        sa.Column("worker", sa.Text()),
        sa.Column("reason", sa.Text()),
        sa.Column("detail", sa.Text()),
        sa.Column("looks", sa.Integer(), server_default="0", nullable=False),
        sa.Column("carrier_request", sa.Text()),
        sa.Column("transitions", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("intent_at", TIME),
        sa.Column("accepted_at", TIME),
        sa.Column("deadline_at", TIME),
        sa.Column("finished_at", TIME),
        sa.Column("looked_at", TIME),
        sa.Column("hinted_at", TIME),
        sa.PrimaryKeyConstraint("id", name="pk_operations"),
        sa.UniqueConstraint("iccid", "action", "generation", name="uq_operations_iccid_action_generation"),
    )
    partial_index("ix_operations_held", "operations", ["iccid"], "step = 'held'")
    partial_index("ix_operations_needs_review", "operations", ["iccid"], "step = 'needs_review'")
    partial_index("ix_operations_timed_out", "operations", ["iccid"], "step = 'timed_out'")
    partial_index("ix_operations_to_send", "operations", ["carrier_account", "due_at"], "step = 'planned'")
    partial_index(
        "ix_operations_to_settle",
        "operations",
        ["carrier_account", "due_at"],
        "(step = 'intent' OR step = 'sent' OR step = 'accepted' OR step = 'unknown')",
    )


def _history() -> None:
    op.create_table(
        "history",
        sa.Column("operation_id", ID, nullable=False),
        sa.Column("nth", sa.Integer(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("from_step", sa.Text(), nullable=False),
        sa.Column("to_step", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("operation_id", "nth", name="pk_history"),
        sqlite_with_rowid=False,
    )


def _limits() -> None:
    op.create_table(
        "limits",
        sa.Column("carrier_account", KEY, nullable=False),
        sa.Column("empty_at", sa.Float(53), server_default="0", nullable=False),
        sa.Column("slowdown", sa.Float(53), server_default="1", nullable=False),
        sa.Column("slowed_at", sa.Float(53), server_default="0", nullable=False),
        sa.Column("refused_at", sa.Float(53), server_default="0", nullable=False),
        sa.Column("failures_in_a_row", sa.Integer(), server_default="0", nullable=False),
        sa.Column("paused_until", sa.Float(53), server_default="0", nullable=False),
        sa.Column("paused_since", sa.Float(53), server_default="0", nullable=False),
        sa.Column("last_failure", sa.Text()),
        sa.PrimaryKeyConstraint("carrier_account", name="pk_limits"),
    )
