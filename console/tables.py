"""Tables on a screen of any width: side by side where whole numbers and names have room, else one below the other."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

LEAST = 12
"""A column that may be folded or cut keeps so many letters, if it has them."""
GAP = 2


class Fit(Enum):
    """What a column does where the screen is too narrow."""

    KEEP = "keep"
    FOLD = "fold"
    CUT = "ellipsis"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table. Numbers stand to the right."""

    title: str
    number: bool = False
    fit: Fit = Fit.KEEP


def fitting_widths(columns: Sequence[Column], rows: Sequence[Sequence[Text]], room: int) -> list[int] | None:
    """How wide each column is within `room`: what is kept is whole, the widest others give way. None without room."""
    whole = [
        max([len(column.title), *(_cell_width(row[index]) for row in rows if index < len(row))])
        for index, column in enumerate(columns)
    ]
    widths, excess = list(whole), sum(whole) + GAP * (len(columns) - 1) - room
    while excess > 0:
        wide = [i for i, column in enumerate(columns) if column.fit is not Fit.KEEP and widths[i] > LEAST]
        if not wide:
            return None
        widest = max(wide, key=lambda i: widths[i])
        widths[widest] -= 1
        excess -= 1
    return widths


def _cell_width(cell: Text) -> int:
    return max((cell_len(line) for line in cell.plain.splitlines()), default=0)


def drawn_table(
    columns: Sequence[Column], rows: Sequence[Sequence[Text]], widths: Sequence[int] | None = None
) -> Table:
    """The rows side by side; without `widths` each column is as wide as it likes."""
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="quiet", show_edge=False)
    for index, column in enumerate(columns):
        table.add_column(
            Text(column.title),
            justify="right" if column.number else "left",
            no_wrap=column.fit is not Fit.FOLD,
            overflow="ellipsis" if column.fit is Fit.CUT else "fold",
            width=widths[index] if widths else None,
        )
    for row in rows:
        table.add_row(*row)
    return table


def stacked(columns: Sequence[Column], rows: Sequence[Sequence[Text]]) -> Text:
    """Each row as some lines, each with a title and its cell; a cell without a title follows the one before it.

    The terminal breaks what is too long for it even so, and drops nothing.
    """
    width = max((len(column.title) for column in columns), default=0)
    blocks = [Text("\n").join(_lines(columns, row, width)) for row in rows]
    return Text("\n\n" if all(len(block.plain.splitlines()) > 1 for block in blocks) else "\n").join(blocks)


def _lines(columns: Sequence[Column], row: Sequence[Text], width: int) -> list[Text]:
    lines: list[Text] = []
    for column, cell in zip(columns, row, strict=False):
        if not cell.plain.strip():
            continue
        if column.title.strip() or not lines:
            lines.append(Text(f"{column.title:{width}}  " if column.title.strip() else "", style="quiet"))
        else:
            lines[-1].append("  ")
        lines[-1].append_text(cell)
    return lines
