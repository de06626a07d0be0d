"""Results as files that people and programs read: receipts, tables, charts."""
