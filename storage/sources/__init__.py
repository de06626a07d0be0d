"""Where manifests come from: one contract, a watched folder and S3."""
