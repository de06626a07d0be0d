"""Take one delivery in: from a claimed file to a verdict for every line and a planned operation for every SIM.

Two readings of the same bytes. The first proves structure and control totals; the second loads everything in one
transaction, so a manifest is in the ledger as a whole or not at all, and nothing can be sent before.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from domain.brake import check as brake_check
from domain.control_totals import parse_sidecar
from domain.lifecycle import Stage, Step
from domain.lines import LineCounts, LineOutcome, Reason, Verdict
from domain.manifests import ManifestColumn, ManifestRefused, ManifestState
from domain.routing import AccountRule, Placement, Router
from engine.choosing import Chooser
from engine.context import Context, Progress
from engine.correcting import Corrector
from engine.placing import Defaults, Placer, Rows
from engine.sandbox import hold_what_exceeds
from engine.surveying import Survey, survey
from storage import catalogue, loading, manifests, sims
from storage.database import Transaction
from storage.readers import read_blocks
from storage.readers.block import ReadingRules


@dataclass(frozen=True, slots=True)
class Delivery:
    """One claimed file: what is read, for whom, and who stands behind it."""

    manifest_id: str
    fence: str
    path: Path
    name: str
    defaults: Defaults
    actor: str
    approved: bool = False
    sidecar: tuple[str, bytes] | None = None  # its name and content


@dataclass(frozen=True, slots=True)
class Intake:
    """What became of a delivery. `new` counts SIMs that now have a planned operation."""

    manifest_id: str
    state: ManifestState
    counts: LineCounts
    sentence: str = ""
    new_by_placement: tuple[tuple[Placement, int], ...] = ()


class LinesLost(Exception):
    """Our own bookkeeping is at fault: nothing of the manifest is kept rather than a line be lost."""


class _NeedsApproval(Exception):
    """Ends the loading transaction without keeping anything of it."""

    def __init__(self, intake: Intake) -> None:
        super().__init__(intake.sentence)
        self.intake = intake


def reading_rules(context: Context) -> ReadingRules:
    """What readers must know: issuers, limits, and where devices are looked up."""

    def devices(ids: Iterable[str]) -> dict[str, str | None]:
        with context.database.read() as tx:
            return catalogue.lookup_devices(tx, list(ids))

    return ReadingRules(profiles=context.issuers, limits=context.file_limits, devices=devices)


def take_in(context: Context, delivery: Delivery) -> Intake:
    """Read, judge and load one delivery. A file that cannot be used ends as REFUSED or QUARANTINED, never as an error.

    Raises `VaultLocked`, `DatabaseUnavailable`, `LeaseLost`; then nothing was loaded and it can be taken in again.
    """
    rules = reading_rules(context)
    try:
        surveyed = look_through(context, delivery, rules)
        _renew(context, delivery)
        return _load(context, delivery, rules, surveyed)
    except ManifestRefused as refusal:
        return refuse(context, delivery.manifest_id, delivery.fence, refusal)
    except _NeedsApproval as stopped:
        return _mark(context, delivery.fence, stopped.intake)


def refuse(context: Context, manifest_id: str, fence: str, refusal: ManifestRefused) -> Intake:
    """Write down that nothing of the file is used, and why. Raises `LeaseLost`."""
    state = ManifestState.QUARANTINED if refusal.quarantine else ManifestState.REFUSED
    return _mark(context, fence, Intake(manifest_id, state, LineCounts(), str(refusal)))


def look_through(context: Context, delivery: Delivery, rules: ReadingRules) -> Survey:
    """The first reading. Raises `ManifestRefused`."""

    def so_far(line_count: int) -> None:
        context.watch(Progress("read", line_count, None, delivery.manifest_id))

    totals = parse_sidecar(*delivery.sidecar) if delivery.sidecar else None
    return survey(delivery.path, delivery.name, rules, totals, so_far)


def _renew(context: Context, delivery: Delivery) -> None:
    """A whole lease for the loading. A reader that overslept learns here that another one has read the file since."""
    with context.commit("renewal") as tx:
        manifests.renew(tx, delivery.manifest_id, delivery.fence, context.timing.file_lease_seconds)


def _mark(context: Context, fence: str, intake: Intake) -> Intake:
    with context.commit("refusal") as tx:
        manifests.mark(tx, intake.manifest_id, fence, state=intake.state, counts=intake.counts, reason=intake.sentence)
    return intake


def _load(context: Context, delivery: Delivery, rules: ReadingRules, surveyed: Survey) -> Intake:
    with context.commit("load") as tx:
        intake = load_lines(context, tx, delivery, rules, surveyed)
        asks = brake_sentence(context, tx, intake)
        if asks and not delivery.approved:
            raise _NeedsApproval(replace(intake, state=ManifestState.NEEDS_APPROVAL, sentence=asks))
        manifests.mark(
            tx,
            delivery.manifest_id,
            delivery.fence,
            state=intake.state,
            counts=intake.counts,
            sha256=surveyed.sha256,
            size_bytes=surveyed.size_bytes,
            same_content_as=manifests.same_content(tx, surveyed.sha256, delivery.manifest_id),
        )
    return intake


def load_lines(context: Context, tx: Transaction, delivery: Delivery, rules: ReadingRules, surveyed: Survey) -> Intake:
    """The second reading: every line's verdict and every new SIM's operation, in the caller's transaction."""
    chooser = Chooser(surveyed, Placer(router(context, tx), context.issuers, delivery.defaults))
    corrector = Corrector(context.vault, delivery.manifest_id, delivery.actor)
    verdicts: Counter[Verdict] = Counter()
    new: Counter[Placement] = Counter()
    read = 0
    fresh = loading.begin(tx, delivery.manifest_id, surveyed.stretches)
    for block in read_blocks(delivery.path, delivery.name, rules):
        placed, not_placed = chooser.place(block)
        result, corrected = _load_placed(context, tx, corrector, placed, fresh)
        new.update(_new_counts(placed, result))
        for outcomes in ([*block.outcomes, *not_placed], [*_not_new(result, corrected)]):  # those of a kind together
            loading.record_outcomes(tx, delivery.manifest_id, outcomes)
            for outcome in outcomes:
                verdicts[outcome.verdict] += outcome.line_count
        read += block.line_count
        context.watch(Progress("read", read, surveyed.line_count, delivery.manifest_id))
    loading.record_placements(tx, delivery.manifest_id, new)
    corrector.reopen(tx)
    hold_what_exceeds(tx, delivery.manifest_id, {placement.product_id for placement in new}, delivery.actor)
    verdicts[Verdict.ACCEPTED] = new.total()
    counts = LineCounts(lines=surveyed.line_count, **{verdict.value: verdicts[verdict] for verdict in Verdict})
    if not counts.adds_up():
        raise LinesLost(f"{delivery.manifest_id}: of {counts.lines} lines not every one met its end: {counts}")
    return Intake(delivery.manifest_id, ManifestState.LOADED, counts, new_by_placement=tuple(new.items()))


def _load_placed(
    context: Context,
    tx: Transaction,
    corrector: Corrector,
    placed: Sequence[tuple[Placement, Rows]],
    fresh: loading.Fresh,
) -> tuple[loading.LoadResult, set[str]]:
    """Rows of one block, in one go, so that the ledger has them in the order of their lines; and whose code is new."""
    blocks = [_as_load(context, placement, rows) for placement, rows in placed if rows.iccids]
    if not blocks:
        return loading.LoadResult(0), set()
    together = blocks[0] if len(blocks) == 1 else loading.LoadBlock.together(blocks)
    result = loading.load_block(tx, corrector.manifest_id, together, tx.now(), fresh)
    not_there = result.elsewhere.keys() | result.released
    there = [iccid for _, iccid in result.known if iccid not in not_there]
    return result, corrector.correct(tx, together, there)


def _new_counts(placed: Sequence[tuple[Placement, Rows]], result: loading.LoadResult) -> Counter[Placement]:
    """New SIMs by placement; several groups of rows may share one."""
    there = {known[1] for known in (*result.known, *result.other_product)}
    counts: Counter[Placement] = Counter()
    for placement, rows in placed:
        counts[placement] += sum(iccid not in there for iccid in rows.iccids)
    return counts


def router(context: Context, tx: Transaction) -> Router:
    """Everything that decides where a row belongs, as it stands in the database now."""
    accounts = {
        name: AccountRule(work.carrier.capabilities.needs_registration_code) for name, work in context.carriers.items()
    }
    return Router(
        products=frozenset(product.id for product in catalogue.products(tx)),
        plans=catalogue.plans(tx),
        accounts=accounts,
        expected_bytes=context.expected_bytes,
    )


def _as_load(context: Context, placement: Placement, rows: Rows) -> loading.LoadBlock:
    cells = rows.cells
    claims = context.carriers[placement.carrier_account].carrier.capabilities.claims
    codes = cells.get(ManifestColumn.REGISTRATION_CODE) if placement.needs_registration_code else None
    return loading.LoadBlock(
        iccids=rows.iccids,
        lines=rows.lines,
        product_ids=placement.product_id,
        carrier_accounts=placement.carrier_account,
        plan_ids=placement.plan_id,
        home_countries=placement.home_country,
        registration_codes=[context.vault.seal(code.strip()) for code in codes] if codes else None,
        device_ids=cells.get(ManifestColumn.DEVICE_ID),
        device_names=cells.get(ManifestColumn.DEVICE_NAME),
        notes=cells.get(ManifestColumn.NOTE),
        stages=Stage.CLAIM if claims else Stage.CHANGE,
        steps=Step.PLANNED,
    )


def _not_new(result: loading.LoadResult, corrected: set[str]) -> Iterable[LineOutcome]:
    unusual = corrected | result.released | result.elsewhere.keys()
    for line, iccid in result.known:
        reason, detail = Reason.ALREADY_KNOWN, ""
        if iccid in unusual:
            reason = Reason.CODE_CORRECTED if iccid in corrected else reason
            detail = _stays(result, iccid)
        yield LineOutcome(line, Verdict.KNOWN, reason, "", iccid, detail)
    for line, iccid, product in result.other_product:
        yield LineOutcome(
            line, Verdict.REJECTED, Reason.OTHER_PRODUCT, iccid=iccid, detail=f"It belongs to product {product}."
        )


def _stays(result: loading.LoadResult, iccid: str) -> str:
    if iccid in result.released:
        return (
            "It was released from this product and stays so; another product can import it, and "
            "`simline activate ICCID --reason WHY` takes it in again."
        )
    return f"It stays at carrier account {result.elsewhere[iccid]}." if iccid in result.elsewhere else ""


def brake_sentence(context: Context, tx: Transaction, intake: Intake) -> str | None:
    """Why a person must say yes before this is kept; None when it is nothing unusual. Asked after the lines loaded."""
    new_by_product: dict[str, int] = {}
    for placement, count in intake.new_by_placement:
        new_by_product[placement.product_id] = new_by_product.get(placement.product_id, 0) + count
    for product, count in new_by_product.items():
        sentence = brake_check(context.brake, count, sims.fleet_count(tx, product) - count)
        if sentence:
            return f"{product}: {sentence}"
    return None
