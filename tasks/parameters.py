"""What a person or a schedule may ask of each flow. Prefect makes forms of these and refuses what does not fit."""

from datetime import date
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from domain.deciding import Saw, Then
from domain.lifecycle import Action, SimState
from engine.rerunning import Only

ManifestId = Annotated[
    str,
    Field(
        title="Manifest",
        description="Its short name, as its receipt has it: m- (an action: a-) and 12 hex digits.",
        pattern=r"^[am]-[0-9a-f]{12}$",
        examples=["m-0123456789ab"],
    ),
]
Iccid = Annotated[
    str, Field(title="ICCID", description="19 or 20 digits, as the card has them.", pattern=r"^89[0-9]{16,18}$")
]
AccountName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")]
EveryAccountOrOne = Annotated[
    AccountName | None,
    Field(
        title="Carrier account",
        description="A name out of carriers.toml. Left empty: every carrier account.",
        examples=["supersim"],
    ),
]
Person = Annotated[
    str,
    Field(
        title="Who asks",
        description="Kept as the one on whose word it was done.",
        min_length=1,
        max_length=200,
        examples=["ann@example.com"],
    ),
]
ReleaseForGood = Annotated[
    bool, Field(title="Release for good", description="A release cannot be undone: it wants this word too.")
]
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

    carrier_account: EveryAccountOrOne = None
    work_seconds: WorkSeconds = 900


class SettleParameters(Parameters):
    """Ask the carriers what became of open operations, then send what is due again."""

    carrier_account: EveryAccountOrOne = None
    work_seconds: WorkSeconds = 900


class UsageParameters(Parameters):
    """Collect what SIMs have used."""

    carrier_account: EveryAccountOrOne = None
    first_day: Annotated[
        date | None,
        Field(title="From", description="A UTC day. Left empty: the days that are asked again each night."),
    ] = None
    last_day: Annotated[
        date | None, Field(title="To", description="A UTC day, itself included. Left empty: yesterday.")
    ] = None
    product: Annotated[
        str | None,
        Field(
            title="Product", description="Only its SIMs, where a carrier is asked for one SIM at a time. Empty: all."
        ),
    ] = None
    work_seconds: WorkSeconds = 10_800

    @model_validator(mode="after")
    def _in_order(self) -> "UsageParameters":
        """A last day needs a first one that is not after it."""
        if self.last_day is not None and (self.first_day is None or self.first_day > self.last_day):
            raise ValueError("`last_day` needs a `first_day` that is not after it.")
        return self


class ReportUsageParameters(Parameters):
    """Report what SIMs have used and what that costs."""

    first_day: Annotated[
        date | None, Field(title="From", description="A UTC day. Left empty: the first of the last day's month.")
    ] = None
    last_day: Annotated[
        date | None,
        Field(
            title="To",
            description="A UTC day, itself included. Left empty: the newest that was collected, or should be.",
        ),
    ] = None
    last_month: Annotated[
        bool, Field(title="The month before", description="The whole calendar month before the present one.")
    ] = False
    product: Annotated[str | None, Field(title="Product", description="Left empty: all of them.")] = None
    carrier_account: EveryAccountOrOne = None

    @model_validator(mode="after")
    def _in_order(self) -> "ReportUsageParameters":
        """Days in their order, or the month before, not both."""
        if self.first_day and self.last_day and self.first_day > self.last_day:
            raise ValueError("`first_day` is after `last_day`.")
        if self.last_month and (self.first_day or self.last_day):
            raise ValueError("Name days or the month before, not both.")
        return self


class RerunParameters(Parameters):
    """Let a part of a manifest go on, on a person's word. What is done stays done."""

    manifest_id: ManifestId
    only: Annotated[
        Only,
        Field(
            title="Which part",
            description="failed: refused, timed out or withdrawn. timed-out: these alone. withdrawn: takes a "
            "cancelling back. unknown: ask the carrier now. needs-review: read once more. held: after an upgrade of "
            "the product's tier. rejected: judge rejected lines again, after somebody mended what they were rejected "
            "for. everything: all of these.",
        ),
    ] = Only.EVERYTHING
    reason: Annotated[str, Field(title="Why", description="Kept in the history of every SIM that moves.", min_length=3)]
    actor: Person
    product: Annotated[
        str | None,
        Field(title="Product", description="Of rejected lines that name none. Left empty: as at the import."),
    ] = None
    home_country: Annotated[
        str | None,
        Field(
            title="Home country",
            description="Of rejected lines that name none, as DE. Left empty: as at the import.",
            pattern=r"^[A-Z]{2}$",
        ),
    ] = None
    carrier_account: Annotated[
        AccountName | None,
        Field(title="Carrier account", description="Of rejected lines that name none. Left empty: as at the import."),
    ] = None
    release_for_good: ReleaseForGood = False
    work_seconds: WorkSeconds = 600

    @model_validator(mode="after")
    def _told_of_rejected_lines(self) -> "RerunParameters":
        told = any((self.product, self.home_country, self.carrier_account))
        if told and self.only not in (Only.REJECTED, Only.EVERYTHING):
            raise ValueError("Product, home country and account are for rejected lines: choose `rejected`.")
        return self


class CleanUpParameters(Parameters):
    """Remove the reports and reconciliations whose days are over."""

    dry_run: Annotated[
        bool, Field(title="Only show", description="The run's log says what would be removed; nothing is.")
    ] = False


class Confirmation(StrEnum):
    """How far a person's word goes."""

    SHOW = "show"
    YES = "yes"
    YES_REALLY = "yes-really"


class ActParameters(Parameters):
    """Deactivate SIMs, activate them again, or release them, on a person's word."""

    action: Annotated[
        Action,
        Field(
            title="What to do",
            description="deactivate: pause, can be undone. activate: resume SIMs that were paused. release: give them "
            "back for good.",
        ),
    ]
    iccids: Annotated[
        tuple[str, ...],
        Field(title="ICCIDs", description="Left empty: the SIMs that fit what is named below.", max_length=10_000),
    ] = ()
    product: Annotated[str | None, Field(title="Product", description="All SIMs of this product.")] = None
    home_country: Annotated[
        str | None, Field(title="Home country", description="Two capitals, as DE.", pattern=r"^[A-Z]{2}$")
    ] = None
    state: Annotated[SimState | None, Field(title="State", description="As the carrier said last.")] = None
    carrier_account: Annotated[
        AccountName | None,
        Field(
            title="Carrier account",
            description="SIMs at this account out of carriers.toml. Alone it means every SIM there.",
            examples=["supersim"],
        ),
    ] = None
    unused_for_days: Annotated[
        int | None,
        Field(
            title="Unused for days",
            description="SIMs that were active so long and of which it is known that they used nothing; the last days, "
            "whose use may still be told, do not count.",
            ge=1,
        ),
    ] = None
    reason: Annotated[
        str, Field(title="Why", description="Kept in the history of every SIM that changes.", min_length=3)
    ]
    actor: Person
    confirmation: Annotated[
        Confirmation,
        Field(
            title="Do it",
            description="show: only show what it would do. yes: do it. yes-really: do it, although it is far beyond "
            "the usual.",
        ),
    ] = Confirmation.SHOW
    release_for_good: ReleaseForGood = False
    work_seconds: WorkSeconds = 600

    @model_validator(mode="after")
    def _names_sims_in_one_way(self) -> "ActParameters":
        named = any((self.product, self.home_country, self.state, self.carrier_account, self.unused_for_days))
        if bool(self.iccids) == named:
            raise ValueError("Name the SIMs in one way: by ICCIDs, or by product, home country, state or account.")
        return self


class Steering(StrEnum):
    """A person's word over a manifest in mid-run."""

    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"


class SteerParameters(Parameters):
    """Pause, resume or cancel one manifest. What was sent is settled in any case."""

    manifest_id: ManifestId
    word: Annotated[
        Steering,
        Field(
            title="What is to happen",
            description="pause: nothing new is sent until it is resumed. resume: a paused manifest goes on. "
            "cancel: what was not sent is withdrawn; only a re-run of `withdrawn` takes that back.",
        ),
    ]
    reason: Annotated[str, Field(title="Why", description="Kept, and shown on the receipt.", min_length=3)]
    actor: Person


class DecideParameters(Parameters):
    """Settle SIMs that need review or timed out, by what a person saw at the carrier."""

    iccids: Annotated[
        tuple[Iccid, ...],
        Field(title="SIMs", description="Their ICCIDs. Left empty: all of the manifest's that wait.", max_length=100),
    ] = ()
    manifest_id: Annotated[ManifestId | None, Field(title="Manifest", description="Instead of single SIMs.")] = None
    saw: Annotated[
        Saw,
        Field(
            title="Seen at the carrier",
            description="active, inactive (in our account, and does not connect), ready (becomes active by itself), "
            "or absent (not in our account).",
        ),
    ]
    then: Annotated[
        Then | None,
        Field(
            title="Then",
            description="Where that is not as it was wanted. again: send the SIM once more. leave: end it as rejected.",
        ),
    ] = None
    reason: Annotated[
        str, Field(title="How they know", description="Kept in the history of every SIM that moves.", min_length=3)
    ]
    actor: Person

    @model_validator(mode="after")
    def _either(self) -> "DecideParameters":
        if bool(self.iccids) == (self.manifest_id is not None):
            raise ValueError("Name either SIMs or one manifest.")
        return self


class AlertParameters(Parameters):
    """Raise alerts, and send what is due."""

    work_seconds: WorkSeconds = 60


class ReconcileParameters(Parameters):
    """Compare carriers with our inventory. Nothing is changed; a repair is a person's word on the command line."""

    carrier_account: EveryAccountOrOne = None
    product: Annotated[
        str | None, Field(title="Product", description="Only SIMs of this product. Left empty: all.")
    ] = None
    work_seconds: WorkSeconds = 14_400
