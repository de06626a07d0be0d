"""Where reports are kept: a folder or S3, with one contract."""
