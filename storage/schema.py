"""The tables. One row per SIM, one row per (ICCID, action, generation), one row per transition.

Times are UTC; money is in cents with its currency; sizes are bytes. Text keys sort by code point on both databases.
The two partial indexes on `operations` decide the speed of claiming: their WHERE clauses are repeated word for word
in the queries of `ledger.py`, and a test looks at the query plan. The others (`HELD`, `TIMED_OUT`, `NEEDS_REVIEW`,
`RELEASED`) stay small and make counting cheap; `NAMED` finds a SIM by its carrier's own id, `HALTED` the few manifests
of which nothing is sent, and `UNDER_WAY` those that a sweep has to look at, in the order in which they came: without
that SQLite would rather read all of them. What changes here needs a new file in migrations/versions; a test compares
both.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
    text,
)

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

metadata = MetaData(naming_convention=NAMES)


class UtcTime(TypeDecorator[datetime]):
    """A point in time in UTC; SQLite keeps no zone, so it is put back on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:  # noqa: ARG002 - their signature
        """To UTC; a time without a zone is our own mistake."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone reached the database")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Always with its zone."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


EPOCH = date(1970, 1, 1)


class UtcDay(TypeDecorator[date]):
    """A UTC day as the number of days since 1970-01-01: usage has tens of millions of them."""

    impl = Integer
    cache_ok = True

    def process_bind_param(self, value: date | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        """To its number."""
        return None if value is None else (value - EPOCH).days

    def process_result_value(self, value: int | None, dialect: Dialect) -> date | None:  # noqa: ARG002
        """Back to the day."""
        return None if value is None else EPOCH + timedelta(days=value)


class UtcSecond(TypeDecorator[datetime]):
    """A point in time as whole seconds since 1970-01-01 in UTC, for rows of which there are very many."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        """To the second in which it falls."""
        return None if value is None else int(value.timestamp())

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """With its zone."""
        return None if value is None else datetime.fromtimestamp(value, UTC)


Key = String().with_variant(Text(collation="C"), "postgresql")
Id = BigInteger().with_variant(Integer(), "sqlite")

accounts = Table(
    "accounts",
    metadata,
    Column("id", Key, primary_key=True),
    Column("name", Text, nullable=False),
    Column("other_device_count", Integer, nullable=False, server_default="0"),  # Wi-Fi and non-product devices
    Column("created_at", UtcTime, nullable=False),
)

products = Table(
    "products",
    metadata,
    Column("id", Key, primary_key=True),  # the slug that manifests use
    Column("name", Text, nullable=False),
    Column("account_id", Key, ForeignKey("accounts.id"), nullable=False),
    Column("tier", Text, nullable=False),  # domain.products.Tier
    Column("protect_from_release", Boolean, nullable=False, server_default=false()),
    Column("created_at", UtcTime, nullable=False),
)

plans = Table(
    "plans",
    metadata,
    Column("id", Key, primary_key=True),  # carrier account + "/" + name
    Column("carrier_account", Key, nullable=False),
    Column("name", Text, nullable=False),
    Column("countries", Text, nullable=False),  # space-separated ISO 3166-1 alpha-2; empty: worldwide
    Column("zone", Text),  # the zone's name where `countries` is one
    Column("monthly_price_cents", Integer, nullable=False),
    Column("included_bytes", BigInteger, nullable=False),
    Column("overage_cents_per_mb", Float, nullable=False),
    Column("currency", Text, nullable=False),
    Column("carrier_reference", Text, nullable=False),
    Column("in_catalogue", Boolean, nullable=False),
)

devices = Table(
    "devices",
    metadata,
    Column("device_id", Key, primary_key=True),
    Column("iccid", Key),
    Column("name", Text),
    Column("imported_at", UtcTime, nullable=False),
)

HALTED = "halt IS NOT NULL"
# A file a minute is half a million rows a year, nearly all of them over and told of: no sweep reads those.
UNDER_WAY = (
    "(state = 'received' OR state = 'needs_approval' OR state = 'loaded'"
    " OR receipt_at IS NULL OR receipt_at < finished_at)"
)

manifests = Table(
    "manifests",
    metadata,
    Column("id", Key, primary_key=True),
    Column("source", Key, nullable=False),
    Column("item_key", Key, nullable=False),  # path below the inbox, object key, or "command line"
    Column("version", Key, nullable=False),  # S3 version or ETag, folder: size and mtime
    Column("sha256", Key),  # of the bytes; empty until they were read
    Column("state", Text, nullable=False),  # domain.manifests.ManifestState
    Column("product_id", Key),
    Column("home_country", Text),
    Column("carrier_account", Key),  # when the route overrides the issuer's
    Column("actor", Text, nullable=False),
    Column("size_bytes", BigInteger),
    Column("same_content_as", Key),
    Column("lines", BigInteger, nullable=False, server_default="0"),
    Column("ignored", BigInteger, nullable=False, server_default="0"),
    Column("accepted", BigInteger, nullable=False, server_default="0"),
    Column("rejected", BigInteger, nullable=False, server_default="0"),
    Column("duplicate", BigInteger, nullable=False, server_default="0"),
    Column("known", BigInteger, nullable=False, server_default="0"),
    Column("reason", Text),  # why it was refused, quarantined, or needs approval
    Column("approved_by", Text),
    Column("halt", Text),  # domain.manifests.Halt; empty while it may go on
    Column("halted_by", Text),
    Column("halt_reason", Text),
    Column("halted_at", UtcTime),
    Column("fence", Text),  # who reads it now
    Column("lease_until", UtcTime),
    Column("received_at", UtcTime, nullable=False),
    Column("loaded_at", UtcTime),
    Column("finished_at", UtcTime),
    Column("receipt_at", UtcTime),
    Column("receipt", Text),  # the receipt's JSON, newest
    Column("first_operation_id", BigInteger),  # its operations are among these ids, in the order of its lines
    Column("last_operation_id", BigInteger),
    Column("receipt_steps", Text),  # operations by step, and the halt, as the newest receipt has them: still true?
    UniqueConstraint("source", "item_key", "version"),
    Index("ix_manifests_sha256", "sha256"),
    Index("ix_manifests_halted", "state", sqlite_where=text(HALTED), postgresql_where=text(HALTED)),
    Index("ix_manifests_received_at_id", "received_at", "id"),  # pages of them, newest first
    Index(
        "ix_manifests_under_way",
        "received_at",
        "id",
        sqlite_where=text(UNDER_WAY),
        postgresql_where=text(UNDER_WAY),
    ),
)

halts = Table(
    "halts",  # what people said over manifests in mid-run; rows are only ever added
    metadata,
    Column("manifest_id", Key, ForeignKey("manifests.id"), primary_key=True),
    Column("nth", Integer, primary_key=True, autoincrement=False),  # 1 is the first that was said of it
    Column("at", UtcTime, nullable=False),
    Column("word", Text, nullable=False),  # domain.manifests.HaltWord
    Column("by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    sqlite_with_rowid=False,
)

rejections = Table(
    "rejections",
    metadata,
    Column("manifest_id", Key, ForeignKey("manifests.id"), primary_key=True),
    Column("line", BigInteger, primary_key=True, autoincrement=False),
    Column("through_line", BigInteger),
    Column("verdict", Text, nullable=False),  # domain.lines.Verdict, never "accepted"
    Column("reason", Text, nullable=False),
    Column("iccid", Key),
    Column("text", Text, nullable=False, server_default=""),
    Column("detail", Text, nullable=False, server_default=""),
    sqlite_with_rowid=False,
)

placements = Table(
    "placements",
    metadata,
    Column("manifest_id", Key, ForeignKey("manifests.id"), primary_key=True),
    Column("product_id", Key, primary_key=True),
    Column("home_country", Key, primary_key=True),
    Column("carrier_account", Key, primary_key=True),
    Column("plan_id", Key, primary_key=True),
    Column("sim_count", BigInteger, nullable=False),
)

RELEASED = "state = 'released'"
NAMED = "carrier_reference IS NOT NULL"

sims = Table(
    "sims",
    metadata,
    Column("iccid", Key, primary_key=True),
    Column("product_id", Key, nullable=False),
    Column("carrier_account", Key, nullable=False),
    Column("plan_id", Key, nullable=False),
    Column("home_country", Text, nullable=False),
    Column("manifest_id", Key, nullable=False),
    Column("line", BigInteger, nullable=False),
    Column("state", Text, nullable=False, server_default="absent"),  # domain.lifecycle.SimState: the carrier's word
    Column("carrier_word", Text),
    Column("carrier_reference", Text),
    Column("carrier_plan_reference", Text),
    Column("registration_code", LargeBinary),  # encrypted; blanked once used
    Column("device_id", Key),
    Column("device_name", Text),
    Column("note", Text),
    Column("msisdn", Text),
    Column("imsi", Text),
    Column("first_activated_at", UtcTime),
    Column("last_activated_at", UtcTime),
    Column("activations_count", Integer, nullable=False, server_default="0"),
    Column("deactivations_count", Integer, nullable=False, server_default="0"),
    Column("seen_at", UtcTime),  # when the carrier last told us
    Column("created_at", UtcTime, nullable=False),
    Index("ix_sims_product_id", "product_id"),  # one product's fleet, counted; pages of it come by the key
    Index("ix_sims_released", "product_id", sqlite_where=text(RELEASED), postgresql_where=text(RELEASED)),
    Index("ix_sims_named", "carrier_reference", sqlite_where=text(NAMED), postgresql_where=text(NAMED)),
)

former_placements = Table(
    "former_placements",  # where a SIM stood before another product took it over
    metadata,
    Column("iccid", Key, primary_key=True),
    Column("moved_at", UtcTime, primary_key=True),  # when the next product took it; the days before are this one's
    Column("left_at", UtcTime, nullable=False),  # when its release was done
    Column("product_id", Key, nullable=False),
    Column("carrier_account", Key, nullable=False),
    Column("plan_id", Key, nullable=False),
    Column("home_country", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("first_activated_at", UtcTime),
    sqlite_with_rowid=False,
)

TO_SEND = "step = 'planned'"
# Not IN (...): SQLite asks this of every row that it writes, and looks a list up in a table (a fifth of an insert).
TO_SETTLE = "(step = 'intent' OR step = 'sent' OR step = 'accepted' OR step = 'unknown')"
HELD = "step = 'held'"
TIMED_OUT = "step = 'timed_out'"
NEEDS_REVIEW = "step = 'needs_review'"

operations = Table(
    "operations",
    metadata,
    Column("id", Id, primary_key=True),
    Column("iccid", Key, nullable=False),
    Column("action", Text, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("carrier_account", Key, nullable=False),
    Column("manifest_id", Key, nullable=False),  # the manifest's, or that of a person's action: a- and 12 hex digits
    Column("line", BigInteger, nullable=False),  # of that manifest, or the how manieth of that action
    Column("step", Text, nullable=False),
    Column("stage", Text, nullable=False),
    Column("attempt", Integer, nullable=False, server_default="0"),
    Column("due_at", UtcTime, nullable=False),  # when somebody looks next; the end of the lease while one is held
    Column("fence", Text),  # the lease that may write; others' answers are void
    Column("worker", Text),
    Column("reason", Text),
    Column("detail", Text),
    Column("looks", Integer, nullable=False, server_default="0"),  # polls since the acceptance
    Column("carrier_request", Text),  # the carrier's own id of the job or action that took this operation
    Column("transitions", Integer, nullable=False, server_default="0"),  # rows of history so far
    Column("created_at", UtcTime, nullable=False),
    Column("intent_at", UtcTime),
    Column("accepted_at", UtcTime),
    Column("deadline_at", UtcTime),
    Column("finished_at", UtcTime),
    Column("looked_at", UtcTime),  # when it was last taken for a look: a hint brings none nearer than a floor after it
    Column("hinted_at", UtcTime),  # of a hint that came while a lease was held: the next look comes no later than this
    UniqueConstraint("iccid", "action", "generation"),
    Index("ix_operations_held", "iccid", sqlite_where=text(HELD), postgresql_where=text(HELD)),
    Index("ix_operations_needs_review", "iccid", sqlite_where=text(NEEDS_REVIEW), postgresql_where=text(NEEDS_REVIEW)),
    Index("ix_operations_timed_out", "iccid", sqlite_where=text(TIMED_OUT), postgresql_where=text(TIMED_OUT)),
    Index(
        "ix_operations_to_send",
        "carrier_account",
        "due_at",
        sqlite_where=text(TO_SEND),
        postgresql_where=text(TO_SEND),
    ),
    Index(
        "ix_operations_to_settle",
        "carrier_account",
        "due_at",
        sqlite_where=text(TO_SETTLE),
        postgresql_where=text(TO_SETTLE),
    ),
)

history = Table(
    "history",
    metadata,
    Column("operation_id", Id, primary_key=True, autoincrement=False),
    Column("nth", Integer, primary_key=True, autoincrement=False),  # 1 is the operation's first transition
    Column("at", UtcTime, nullable=False),
    Column("stage", Text, nullable=False),
    Column("from_step", Text, nullable=False),
    Column("to_step", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False, server_default=""),
    Column("actor", Text, nullable=False),
    sqlite_with_rowid=False,
)

limits = Table(
    "limits",
    metadata,
    Column("carrier_account", Key, primary_key=True),
    Column("empty_at", Float(53), nullable=False, server_default="0"),  # epoch seconds: when the bucket is empty again
    Column("slowdown", Float(53), nullable=False, server_default="1"),  # how many times wider than configured
    Column("slowed_at", Float(53), nullable=False, server_default="0"),
    Column("refused_at", Float(53), nullable=False, server_default="0"),  # the last 429
    Column("failures_in_a_row", Integer, nullable=False, server_default="0"),
    Column("paused_until", Float(53), nullable=False, server_default="0"),  # the circuit breaker: nothing leaves before
    Column("paused_since", Float(53), nullable=False, server_default="0"),  # its first pause since the last good answer
    Column("last_failure", Text),
)
