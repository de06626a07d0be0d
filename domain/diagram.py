"""The table of transitions as Markdown, for docs/how-it-works.md. A test keeps that page equal to it."""

from domain.lifecycle import BUCKETS, TRANSITIONS, Bucket, Step

_COLOURS: dict[Bucket, str] = {
    Bucket.DONE: "fill:#d9f2e3,stroke:#1a7f4b,color:#111",
    Bucket.IN_PROGRESS: "fill:#dce9fb,stroke:#2563c9,color:#111",
    Bucket.FAILED: "fill:#fbdcd9,stroke:#c0352b,color:#111",
    Bucket.NEEDS_REVIEW: "fill:#fbeed2,stroke:#b7791f,color:#111",
}


def transitions_mermaid() -> str:
    """The steps and every legal move between them as a Mermaid state diagram, coloured by the receipt's four words.

    >>> transitions_mermaid().splitlines()[:4]
    ['stateDiagram-v2', '    direction LR', '    [*] --> planned', '    held --> planned']
    """
    lines = ["direction LR", f"[*] --> {Step.PLANNED}"]
    lines += [f"{source} --> {target}" for source, targets in TRANSITIONS.items() for target in targets]
    lines += [f"{step} --> [*]" for step, targets in TRANSITIONS.items() if not targets]
    lines += [f"classDef {bucket}_colour {colour}" for bucket, colour in _COLOURS.items()]
    lines += [f"class {','.join(steps)} {bucket}_colour" for bucket, steps in _by_bucket().items()]
    return "\n    ".join(["stateDiagram-v2", *lines]) + "\n"


def transitions_table() -> str:
    """Every legal move with its cause, as a Markdown table: the picture has no room for them."""
    rows = [
        f"| `{source}` | `{target}` | {cause} |"
        for source, targets in TRANSITIONS.items()
        for target, cause in targets.items()
    ]
    return "\n".join(["| from | to | when |", "|---|---|---|", *rows]) + "\n"


def buckets_table() -> str:
    """Which steps each of the receipt's four words stands for, as a Markdown table."""
    rows = [f"| {bucket.replace('_', ' ')} | `{'`, `'.join(steps)}` |" for bucket, steps in _by_bucket().items()]
    return "\n".join(["| on a receipt | steps |", "|---|---|", *rows]) + "\n"


def _by_bucket() -> dict[Bucket, list[Step]]:
    return {bucket: [step for step in Step if BUCKETS[step] is bucket] for bucket in Bucket}
