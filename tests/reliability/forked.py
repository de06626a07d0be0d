"""What workers are forked from: everything is imported, and the receipt's page is compiled, a quarter of their work."""

from contextlib import suppress

from jinja2 import UndefinedError

import tests.reliability.worker  # noqa: F401
from reports.pages import render

with suppress(UndefinedError):  # of no receipt there is nothing to show
    render("receipt.html")
