"""Manifests as plants send them, with a truth beside them: what became of every line is known before anybody reads it.

    python -m benchmarks.manifest 1000000 manifest.txt --seed 7 --odd 0.01 --shuffle

SIMs come on reels: consecutive account numbers of one issuer. A share of the lines is odd: another spelling, a copy of
an earlier line, a mistyped or a foreign number, a comment. `manifest.txt.truth.json` holds the counts and the sum of
the keys of all SIMs, modulo 2**64, so a reader that is right in number only does not pass.
"""

import argparse
import json
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path

import numpy as np

from domain.iccid import IssuerProfile, key_of

ISSUERS = (
    IssuerProfile("893407", "Plant A", frozenset({19})),
    IssuerProfile("8901410", "Plant B", frozenset({20})),
    IssuerProfile("8943011", "Plant C", frozenset({19})),
    IssuerProfile("894453", "Plant D", frozenset({18})),
)
REEL = 5_000


class Kind(StrEnum):
    """What a line is, in the words of the truth."""

    OK = "ok"
    DUP = "dup"
    BAD_FORMAT = "bad_format"
    BAD_LUHN = "bad_luhn"
    IGNORED = "ignored"


@dataclass(slots=True)
class Truth:
    """How many lines there are of each kind; `key_sum` is of the SIMs, each once."""

    lines: int = 0
    ok: int = 0
    dup: int = 0
    bad_format: int = 0
    bad_luhn: int = 0
    ignored: int = 0
    key_sum: int = 0


Damage = Callable[[str, random.Random], str]


def _in_groups(iccid: str, chance: random.Random) -> str:
    return chance.choice(" -\u00a0").join(iccid[i : i + 4] for i in range(0, len(iccid), 4))


def _nibbles_swapped(iccid: str, _chance: random.Random) -> str:
    padded = iccid.ljust(20, "F")
    return "".join(padded[i + 1] + padded[i] for i in range(0, 20, 2)) if "F" in padded else iccid


def _mistyped(iccid: str, chance: random.Random) -> str:
    place = chance.randrange(8, len(iccid))
    return iccid[:place] + str((int(iccid[place]) + chance.randint(1, 9)) % 10) + iccid[place + 1 :]


def _with_a_letter(iccid: str, chance: random.Random) -> str:
    place = chance.randrange(4, len(iccid))
    return iccid[:place] + chance.choice("OIlB") + iccid[place + 1 :]


ODD_LINES: tuple[tuple[int, Kind, Damage], ...] = (
    (14, Kind.OK, lambda iccid, _: f"{iccid}\r"),
    (14, Kind.OK, lambda iccid, _: f"{iccid}F"),
    (10, Kind.OK, lambda iccid, chance: " " * chance.randint(0, 2) + iccid + chance.choice(" \t")),
    (8, Kind.OK, lambda iccid, _: f'"{iccid}"'),
    (6, Kind.OK, _in_groups),
    (2, Kind.OK, _nibbles_swapped),
    (14, Kind.DUP, lambda iccid, chance: chance.choice((iccid, f"{iccid}F", f" {iccid}"))),
    (12, Kind.BAD_LUHN, _mistyped),
    (3, Kind.BAD_FORMAT, lambda iccid, chance: iccid[: chance.randint(6, 16)]),
    (3, Kind.BAD_FORMAT, _with_a_letter),
    (2, Kind.BAD_FORMAT, lambda iccid, _: f"{iccid[0]}.{iccid[1:6]}E+18"),
    (1, Kind.BAD_FORMAT, lambda iccid, _: f"98{iccid[2:]}"),
    (1, Kind.BAD_FORMAT, lambda _, chance: f"89049032{chance.randrange(10**24):024d}"),
    (5, Kind.IGNORED, lambda _, chance: f"# reel {chance.randrange(1000)}, shelf {chance.randrange(20)}"),
    (4, Kind.IGNORED, lambda _, chance: chance.choice(("", "  ", "\r"))),
    (1, Kind.IGNORED, lambda _, __: "Packed and counted in hall 3"),
)


@dataclass(slots=True)
class Generator:
    """Lines of a manifest one after the other, and the truth so far."""

    seed: int
    odd: float
    truth: Truth = field(default_factory=Truth)

    def lines(self, count: int, *, shuffle: bool = False) -> Iterator[str]:
        """`count` lines; every line that is not odd is a new SIM in its canonical form."""
        chance = random.Random(self.seed)
        iccids: Iterable[str] = _reels(count, chance)
        if shuffle:
            iccids = sorted(iccids, key=lambda _: chance.random())
        weights = [weight for weight, _, _ in ODD_LINES]
        seen: list[str] = []
        for iccid in iccids:
            kind, line = Kind.OK, iccid
            if chance.random() < self.odd:
                _, kind, damage = chance.choices(ODD_LINES, weights)[0]
                original = chance.choice(seen) if kind is Kind.DUP and seen else iccid
                kind = Kind.OK if original is iccid and kind is Kind.DUP else kind
                line = damage(original, chance)
            elif len(seen) < 10_000:
                seen.append(iccid)
            self._count(kind, iccid)
            yield line

    def _count(self, kind: Kind, iccid: str) -> None:
        self.truth.lines += 1
        setattr(self.truth, kind, getattr(self.truth, kind) + 1)
        if kind is Kind.OK:
            self.truth.key_sum = (self.truth.key_sum + key_of(iccid)) % 2**64


def write_manifest(path: Path, count: int, *, seed: int = 1, odd: float = 0.01, shuffle: bool = False) -> Truth:
    """Write `path` and `path.truth.json`. The same arguments give the same bytes."""
    generator = Generator(seed, odd)
    with path.open("w", encoding="utf-8", newline="") as file:
        file.writelines(f"{line}\n" for line in generator.lines(count, shuffle=shuffle))
    truth_path(path).write_text(json.dumps(asdict(generator.truth)), encoding="utf-8")
    return generator.truth


def truth_path(manifest: Path) -> Path:
    """Where the truth of a manifest is."""
    return manifest.with_name(f"{manifest.name}.truth.json")


def _reels(count: int, chance: random.Random) -> Iterator[str]:
    """`count` different ICCIDs, reel after reel; no two reels share a stretch of accounts."""
    slots = chance.sample(range(10**6), -(-count // REEL))
    for slot in slots:
        issuer = chance.choice(ISSUERS)
        size = min(REEL, count)
        count -= size
        yield from _reel(issuer.prefix, min(issuer.lengths), slot * REEL, size)


def _reel(prefix: str, length: int, first: int, size: int) -> list[str]:
    """Consecutive ICCIDs with their check digits, worked out here so that the truth owes nothing to what it judges."""
    width = length - 1 - len(prefix)
    stems = [f"{prefix}{account:0{width}d}" for account in range(first, first + size)]
    digits = np.array([list(map(int, stem)) for stem in stems])
    doubled = digits[:, ::-1][:, ::2] * 2
    sums = digits[:, ::-1][:, 1::2].sum(axis=1) + (doubled // 10 + doubled % 10).sum(axis=1)
    return [f"{stem}{check}" for stem, check in zip(stems, (-sums % 10).tolist(), strict=True)]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lines", type=int)
    parser.add_argument("path", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--odd", type=float, default=0.01, help="share of odd lines")
    parser.add_argument("--shuffle", action="store_true", help="no consecutive accounts")
    asked = parser.parse_args()
    print(write_manifest(asked.path, asked.lines, seed=asked.seed, odd=asked.odd, shuffle=asked.shuffle))


if __name__ == "__main__":
    main()
