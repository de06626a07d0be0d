"""The simulated carrier: a process that speaks a carrier's own wire format, keeps its limit, and fails on demand.

One core (`fleet`, `faults`, `limit`, `log`, `carrier`), one thin dialect per carrier (`supersim`), one HTTP server.
"""
