"""Carriers: one contract, one file per carrier, all of one shape."""
