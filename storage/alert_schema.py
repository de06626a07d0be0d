"""The tables of alerts: what was raised, and its way to each channel. In `metadata` with the others."""

from sqlalchemy import Column, ForeignKey, Index, Integer, Table, Text, text

from storage.schema import Key, UtcTime, metadata

NOT_OVER = "recovered_at IS NULL"

alerts = Table(
    "alerts",
    metadata,
    Column("id", Key, primary_key=True),
    Column("key", Key, nullable=False),  # domain.alerts.Alert.key: the same occurrence
    Column("level", Integer, nullable=False),
    Column("kind", Text, nullable=False),  # domain.alerts.AlertKind
    Column("severity", Text, nullable=False),
    Column("product_id", Key),
    Column("iccid", Key),
    Column("carrier_account", Key),
    Column("period", Text, nullable=False),
    Column("sentence", Text, nullable=False),
    Column("facts", Text, nullable=False),  # JSON
    Column("raised_at", UtcTime, nullable=False),
    Column("recovered_at", UtcTime),  # when it was over: the same key may be raised anew
    Index("ix_alerts_raised_at", "raised_at"),
    Index("ix_alerts_key", "key", "level", unique=True, sqlite_where=text(NOT_OVER), postgresql_where=text(NOT_OVER)),
)

TO_DELIVER = "state = 'waiting'"

alert_deliveries = Table(
    "alert_deliveries",
    metadata,
    Column("alert_id", Key, ForeignKey("alerts.id"), primary_key=True),
    Column("channel", Key, primary_key=True),
    Column("state", Text, nullable=False, server_default="waiting"),  # storage.deliveries.DeliveryState
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("due_at", UtcTime, nullable=False),  # the next attempt; the end of the lease while one is held
    Column("fence", Text),
    Column("answer", Text),  # what the receiver said last
    Column("answered_at", UtcTime),
    sqlite_with_rowid=False,
)
Index(
    "ix_alert_deliveries_waiting",
    alert_deliveries.c.channel,
    alert_deliveries.c.due_at,
    sqlite_where=text(TO_DELIVER),
    postgresql_where=text(TO_DELIVER),
)
