"""Manifest files as streams of classified blocks: .txt, CSV and its kin, .xlsx, each optionally in gz."""
