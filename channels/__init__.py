"""Where alerts go: webhooks and mail, behind one contract."""
