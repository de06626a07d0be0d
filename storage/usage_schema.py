"""The tables of usage: what was told of each SIM and day, and who was asked for what. In `metadata` with the others."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, Table, Text

from storage.schema import Key, UtcDay, UtcSecond, UtcTime, metadata

usage_days = Table(
    "usage_days",
    metadata,
    Column("day", UtcDay, primary_key=True, autoincrement=False),  # first: a night's rows lie side by side
    Column("iccid", Key, primary_key=True),
    Column("carrier_account", Key, primary_key=True),  # who told it
    Column("product_id", Key, nullable=False),  # the SIM's when the day was first told; a later move leaves it
    Column("total_bytes", BigInteger, nullable=False),
    Column("as_of", UtcSecond, nullable=False),  # when it was told last
    Column("is_derived", Boolean, nullable=False),  # spread out of a sum over more than this day
    Index("ix_usage_days_product_id_day", "product_id", "day"),
    sqlite_with_rowid=False,
)

usage_restated = Table(
    "usage_restated",  # what was told of a day that was over, and was told differently later
    metadata,
    Column("iccid", Key, primary_key=True),
    Column("day", UtcDay, primary_key=True, autoincrement=False),
    Column("carrier_account", Key, primary_key=True),
    Column("as_of", UtcSecond, primary_key=True, autoincrement=False),
    Column("total_bytes", BigInteger, primary_key=True, autoincrement=False),  # of two words of one second none is lost
    sqlite_with_rowid=False,
)

usage_versions = Table(
    "usage_versions",  # which word of a day is in usage_days: a copy of the day is good while its version stands
    metadata,
    Column("day", UtcDay, primary_key=True, autoincrement=False),
    Column("carrier_account", Key, primary_key=True),
    Column("version", Text, nullable=False),  # random, so that a restored backup never repeats one
    sqlite_with_rowid=False,
)

usage_readings = Table(
    "usage_readings",  # the newest sum for a billing period, at carriers that tell no days
    metadata,
    Column("carrier_account", Key, primary_key=True),
    Column("iccid", Key, primary_key=True),
    Column("first_day", UtcDay, nullable=False),  # of the billing period
    Column("total_bytes", BigInteger, nullable=False),
    Column("as_of", UtcSecond, nullable=False),
    sqlite_with_rowid=False,
)

usage_known = Table(
    "usage_known",  # days that were collected to an end: one of these without a row in usage_days had no usage
    metadata,
    Column("carrier_account", Key, primary_key=True),
    Column("iccid", Key, primary_key=True),  # empty: of every SIM of the account
    Column("first_day", UtcDay, primary_key=True, autoincrement=False),
    Column("last_day", UtcDay, nullable=False),
    Column("known_at", UtcSecond, nullable=False),
    sqlite_with_rowid=False,
)

usage_asks = Table(
    "usage_asks",  # the last time that one SIM was asked for, where each is asked for by itself
    metadata,
    Column("carrier_account", Key, primary_key=True),
    Column("iccid", Key, primary_key=True),
    Column("first_day", UtcDay, nullable=False),
    Column("last_day", UtcDay, nullable=False),
    Column("asked_at", UtcSecond, nullable=False),
    Column("problem", Text),  # why it brought nothing
    sqlite_with_rowid=False,
)

usage_turns = Table(
    "usage_turns",  # who collects a carrier account's usage now, and how far its listing has come
    metadata,
    Column("carrier_account", Key, primary_key=True),
    Column("fence", Text),
    Column("worker", Text),
    Column("lease_until", UtcTime),
    Column("first_day", UtcDay),  # what the listing was asked for
    Column("last_day", UtcDay),
    Column("begun_at", UtcSecond),
    Column("ended_at", UtcSecond),  # empty while pages are left
    Column("cursor", Text),  # the page that is read next; empty: the first
    Column("failures", Integer, nullable=False, server_default="0"),  # tries of this page that brought nothing
    Column("problem", Text),  # what the last round ended with
)
