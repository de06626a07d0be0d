"""The database, its queries by topic, the ledger, and where manifests come from."""
