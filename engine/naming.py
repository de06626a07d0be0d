"""Which SIMs a file names, for actions on them: any format that a manifest may have, other columns left aside."""

from dataclasses import dataclass
from pathlib import Path

from domain.iccid_batch import iccids_of
from domain.lines import LineOutcome, Verdict
from engine.context import Context
from engine.intake import reading_rules
from engine.surveying import survey
from storage.readers import read_blocks


@dataclass(frozen=True, slots=True)
class Named:
    """The ICCIDs of a file, each once, in its order; and its lines that hold none that can be used."""

    iccids: list[str]
    not_read: list[LineOutcome]


def named_in(context: Context, path: Path, name: str) -> Named:
    """Read the whole file. Raises `ManifestRefused` as a manifest does: then it names nothing."""
    rules = reading_rules(context)
    survey(path, name, rules, None)
    iccids: dict[str, None] = {}
    not_read: list[LineOutcome] = []
    for block in read_blocks(path, name, rules):
        iccids.update(dict.fromkeys(iccids_of(block.keys)))
        not_read += [outcome for outcome in block.outcomes if outcome.verdict is Verdict.REJECTED]
    return Named(list(iccids), not_read)
