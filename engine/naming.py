"""Which SIMs a file names, for actions on them: any format that a manifest may have, most columns left aside."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from domain.lines import LineOutcome, Verdict
from domain.manifests import ManifestColumn
from domain.plain_rows import iccids_of
from engine.context import Context
from engine.intake import reading_rules
from engine.surveying import survey
from storage.readers import read_blocks


@dataclass(frozen=True, slots=True)
class Named:
    """The ICCIDs of a file, each once, in its order; and its lines that hold none that can be used.

    `codes` are the registration codes that stand beside them, in plain text: ICCID -> its code.
    """

    iccids: list[str]
    not_read: list[LineOutcome]
    codes: Mapping[str, str] = field(default_factory=dict, repr=False)


def named_in(context: Context, path: Path, name: str) -> Named:
    """Read the whole file. Raises `ManifestRefused` as a manifest does: then it names nothing."""
    rules = reading_rules(context)
    survey(path, name, rules, None)
    iccids: dict[str, None] = {}
    not_read: list[LineOutcome] = []
    codes: dict[str, str] = {}
    for block in read_blocks(path, name, rules):
        found = iccids_of(block.keys)
        iccids.update(dict.fromkeys(found))
        told = block.cells.get(ManifestColumn.REGISTRATION_CODE, ())
        codes.update((iccid, code.strip()) for iccid, code in zip(found, told, strict=False) if code.strip())
        not_read += [outcome for outcome in block.outcomes if outcome.verdict is Verdict.REJECTED]
    return Named(list(iccids), not_read, codes)
