"""What a person or a schedule may ask of each flow. Prefect makes forms of these and refuses what does not fit."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from engine.rerunning import Only

ManifestId = Annotated[
    str,
    Field(
        title="Manifest",
        description="The manifest's short name, as its receipt has it: m- and 12 hex digits.",
        pattern=r"^m-[0-9a-f]{12}$",
        examples=["m-0123456789ab"],
    ),
]
CarrierAccount = Annotated[
    str,
    Field(
        title="Carrier account",
        description="A name out of carriers.toml. Left empty: every carrier account.",
        pattern=r"^[a-z0-9][a-z0-9_-]*$",
        examples=["supersim"],
    ),
]
Person = Annotated[str, Field(title="Who asks", min_length=1, max_length=200, examples=["ann@example.com"])]
WorkSeconds = Annotated[
    int,
    Field(
        title="Longest work",
        description="Seconds after which the run starts nothing new; what is left is taken by the next run.",
        ge=1,
        le=21_600,
    ),
]


class Parameters(BaseModel):
    """What all of them share: a misspelt key is refused, and nothing changes on the way."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PickUpParameters(Parameters):
    """Take in the manifests that are complete, and provision them."""

    source: Annotated[
        str | None, Field(title="Source", description="One source out of simline.toml. Left empty: all of them.")
    ] = None


class ProvisionParameters(Parameters):
    """Bring one manifest's SIMs to their carriers, as far as they go now."""

    manifest_id: ManifestId
    approved_by: Annotated[
        str | None,
        Field(
            title="Approved by",
            description="Needed only where the manifest stopped for approval: whose word lets it go on.",
            min_length=1,
            max_length=200,
        ),
    ] = None
    work_seconds: WorkSeconds = 600


class ActivateParameters(Parameters):
    """Send what is due at the carriers."""

    carrier_account: CarrierAccount | None = None
    work_seconds: WorkSeconds = 900


class SettleParameters(Parameters):
    """Ask the carriers what became of open operations, then send what is due again."""

    carrier_account: CarrierAccount | None = None
    work_seconds: WorkSeconds = 900


class RerunParameters(Parameters):
    """Let a part of a manifest go on, on a person's word. What is done stays done."""

    manifest_id: ManifestId
    only: Annotated[
        Only,
        Field(
            title="Which part",
            description="failed: refused, timed out or withdrawn. unknown: ask the carrier now. "
            "needs-review: read once more. held: after an upgrade of the product's tier. everything: all of these.",
        ),
    ]
    reason: Annotated[str, Field(title="Why", description="Kept in the history of every SIM that moves.", min_length=3)]
    actor: Person
    rejected_lines: Annotated[
        bool,
        Field(
            title="Judge rejected lines again",
            description="After somebody mended what they were rejected for: a missing plan, product or country.",
        ),
    ] = False
    work_seconds: WorkSeconds = 600


class CleanUpParameters(Parameters):
    """Remove the reports whose days are over."""

    dry_run: Annotated[
        bool, Field(title="Only show", description="The run's log says what would be removed; nothing is.")
    ] = False
