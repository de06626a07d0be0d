"""Names of sheets: what a spreadsheet accepts, and none twice."""

import re

ROWS_PER_SHEET = 1_048_575
"""A sheet has 1,048,576 rows; one is the header."""
NAME_CHARACTERS = 31
_NOT_ALLOWED = re.compile(r"[\[\]:*?/\\]")


class SheetNames:
    """The names of one workbook's sheets."""

    def __init__(self) -> None:
        self._taken = {"history"}  # spreadsheets keep that one to themselves
        self._begun: dict[str, int] = {}

    def free(self, wanted: str) -> str:
        """A name like the wanted one that no other sheet begins with; `further` makes the sheets' own of it."""
        plain = _NOT_ALLOWED.sub("-", wanted).strip("'")[: NAME_CHARACTERS - 4] or "sheet"
        name, number = plain, 1
        while name.casefold() in self._taken:
            number += 1
            name = f"{plain[: NAME_CHARACTERS - 8]}-{number}"
        self._taken.add(name.casefold())
        return name

    def further(self, name: str) -> str:
        """The name of the next sheet of a section: `sims`, `sims 2`, `sims 3`..."""
        self._begun[name] = self._begun.get(name, 0) + 1
        return name if self._begun[name] == 1 else f"{name} {self._begun[name]}"
