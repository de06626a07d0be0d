"""Soracom: SIMs are registered by their code (PUK or passcode) and change status one by one or in batch jobs.

Japan coverage and Global coverage are two platforms at two hosts, each with its own SIMs, tokens and batch groups; a
SIM's home country chooses. https://users.soracom.io/ja-jp/tools/api/reference/
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time

from carriers import soracom_jobs as jobs
from carriers.accounts import choice_of
from carriers.contract import (
    Answer,
    AnswerKind,
    Capabilities,
    CarrierAccount,
    CarrierSim,
    Gate,
    OpenGate,
    Order,
    Page,
    SimQuery,
    UsagePage,
    UsageQuery,
    UsageScope,
)
from carriers.errors import CredentialsRefused, NotSent, ReadFailed, RequestRefused
from carriers.login import Json
from carriers.soracom_coverage import GLOBAL, JAPAN, Coverage, checked, coverages_of
from carriers.soracom_words import (
    DONE_WORDS,
    RESET_HEADER,
    SIM_ID,
    VERBS,
    iccids_of,
    is_sim,
    seen,
    usages,
)
from domain.lifecycle import Action, SimState, Stage

LONGEST_JOB_SECONDS = 3600.0
"""A job of 10,000 tasks, one after the other, may work so long on what was asked of it (an assumption)."""
SECONDS_PER_SIM, LEAST_WAIT_SECONDS, MOST_WAIT_SECONDS = 0.03, 30.0, 300.0
"""While another job has the action, many SIMs come back later than few: each return is written into their history."""

CAPABILITIES = Capabilities(
    carrier="soracom",
    claims=True,
    needs_registration_code=True,
    orders_per_request=jobs.MOST_TASKS,
    alone=(Action.RELEASE,),  # the description lists what a job can do, and terminations are not among it
    can_read=True,
    page_size=100,
    filters_by_state=False,
    quiet_seconds=LONGEST_JOB_SECONDS,
    poll_first_seconds=10.0,
    states=(SimState.ACTIVE, SimState.DEACTIVATED, SimState.RELEASED),
    repeatable=True,
    follows=True,
    reset_header=RESET_HEADER,
    usage=UsageScope.SIM,
    usage_kept_days=540,
    usage_lag_hours=24.0,
)
"""For an account with a batch group and SIMs that are registered by their codes. See `capabilities_of`."""


class Soracom:
    """One Soracom account. Keeps `carriers.contract.Carrier`, `Following` and `Metering`.

    `base_url` is Global coverage. Options: `japan_url` (Japan coverage; without it every SIM is at `base_url`),
    `batch_group` and `japan_batch_group` (the batch groups that jobs are made in; without them each SIM is a request),
    `registration` ("code": each SIM is registered with its code; "done": SIMs are delivered into the account, nothing
    is registered). Secrets: `auth_key_id` and `auth_key`. A SIM's plan is its group, which it joins as it is
    registered. Termination protection is never lifted: that is for a person, in Soracom's console.
    """

    def __init__(self, account: CarrierAccount, coverages: Mapping[str, Coverage]) -> None:
        self._account = account
        self._coverages = coverages
        self._capabilities = capabilities_of(account)

    @classmethod
    def open(cls, account: CarrierAccount) -> "Soracom":
        """Ready to talk; nothing is sent yet. Raises `CarrierError` when a secret or option is missing."""
        return cls(account, coverages_of(account))

    @property
    def capabilities(self) -> Capabilities:
        """What Soracom offers this account."""
        return self._capabilities

    def submit(self, orders: Sequence[Order], gate: Gate) -> Sequence[Answer]:
        """Register one SIM, change the status of one at once, or begin a job for many."""
        coverage = self._coverage_of(orders[0])
        if len(orders) > 1:
            return self._start(orders, coverage, gate)
        (order,) = orders
        if order.stage is Stage.CLAIM:
            return [self._claim(order, coverage, gate)]
        if not SIM_ID.fullmatch(_sim_id(order)):
            return [Answer(order.iccid, AnswerKind.REVIEW, "no_reference", "What we know is no SIM ID: read it first.")]
        return [self._change(order, coverage, gate)]

    def batch_of(self, order: Order) -> str:
        """A job belongs to one coverage; terminations are no jobs, and a SIM whose SIM ID is no ICCID goes alone."""
        coverage = self._coverage_of(order).name
        alone = order.action is Action.RELEASE or _sim_id(order) != order.iccid
        return f"{coverage} {order.iccid}" if alone else coverage

    def read(self, iccid: str, gate: Gate) -> CarrierSim:
        """What Soracom says of this ICCID, Global first; `ABSENT` when no coverage has it. Safe to repeat."""
        for coverage in self._coverages.values():
            sim = coverage.find(iccid, gate)
            if sim is not None:
                return seen(sim, iccid)
        return CarrierSim(iccid, SimState.ABSENT, "")

    def page(self, query: SimQuery, cursor: str | None, gate: Gate) -> Page:
        """Up to 100 SIMs, first all of Global coverage, then all of Japan's. A plan is picked out here."""
        name, _, key = (cursor or GLOBAL).partition(":")
        if name not in self._coverages:
            raise ReadFailed(f"Soracom's listing cannot go on at {name!r}: there is no such coverage in this account.")
        listed, following = self._coverages[name].page({"limit": str(CAPABILITIES.page_size)}, key, gate)
        sims = (seen(sim, iccids_of(sim)[0]) for sim in listed if iccids_of(sim))
        mine = tuple(sim for sim in sims if query.plan_reference in (None, sim.plan_reference))
        return Page(mine, f"{name}:{following}" if following else self._after(name))

    def follow(self, carrier_request: str, iccids: Sequence[str], gate: Gate) -> Sequence[Answer]:
        """How a job stands. One request while it runs or when all went well; its errors, or all, in pages when not."""
        named = jobs.job_name(carrier_request)
        if named is None or named.coverage not in self._coverages:
            return jobs.of_all(iccids, AnswerKind.UNKNOWN, "no_such_job")
        coverage = self._coverages[named.coverage]
        reply = coverage.get_or_none(named.path, {}, gate)
        if reply is None:  # jobs are kept for 32 days
            return jobs.of_all(iccids, AnswerKind.UNKNOWN, "no_such_job")
        job = jobs.job_from(reply.document)
        if job.status in jobs.UNDER_WAY:
            return jobs.of_all(iccids, AnswerKind.ACCEPTED, job.status)
        if job.all_done:
            return jobs.of_all(iccids, AnswerKind.DONE, "done_by_job")
        if job.task_filter is None:
            return jobs.of_all(iccids, AnswerKind.UNKNOWN, "unknown_word")
        return jobs.ended(job, list(coverage.tasks(named.path, job.task_filter, gate)), iccids)

    def usage(self, query: UsageQuery, cursor: str | None, gate: Gate) -> UsagePage:  # noqa: ARG002 - one page
        """The SIM's bytes of each UTC day that Soracom tells; a terminated SIM has none to tell. Safe to repeat."""
        iccid = query.iccid or ""
        wanted = {"from": _epoch(query.first), "to": _epoch(query.last), "period": "day"}
        for coverage in self._coverages.values():
            path = f"/v1/stats/air/sims/{checked(query.carrier_reference or iccid)}"
            reply = coverage.get_or_none(path, wanted, gate)
            told = tuple(usages(reply.document, iccid, query.first, query.last)) if reply else ()
            if told:
                return UsagePage(told)
        return UsagePage(())

    def check(self) -> str:
        """List one SIM of each coverage: proves addresses and credentials."""
        for coverage in self._coverages.values():
            coverage.page({"limit": "1"}, "", OpenGate())
        hosts = " and ".join(map(str, self._coverages.values()))
        return f"Soracom answers at {hosts} and takes the credentials of {self._account.name}."

    def close(self) -> None:
        """Give the connections back."""
        for coverage in self._coverages.values():
            coverage.client.close()

    def _coverage_of(self, order: Order) -> Coverage:
        wanted = JAPAN if order.home_country == "JP" else GLOBAL
        return self._coverages.get(wanted, self._coverages[GLOBAL])

    def _after(self, name: str) -> str | None:
        """The cursor of the coverage that is listed after this one."""
        return f"{JAPAN}:" if name == GLOBAL and JAPAN in self._coverages else None

    def _claim(self, order: Order, coverage: Coverage, gate: Gate) -> Answer:
        code = order.registration_code or ""
        body = {"registrationSecret": code} | ({"groupId": order.plan_reference} if order.plan_reference else {})
        path = f"/v1/sims/{checked(order.iccid)}/register"
        try:
            reply = coverage.client.change(path, Json(body), gate, secrets=(code,))
        except RequestRefused as refusal:
            return self._refused(order, coverage, refusal, gate)
        return _claimed(order, reply.document)

    def _change(self, order: Order, coverage: Coverage, gate: Gate) -> Answer:
        path = f"/v1/sims/{_sim_id(order)}/{VERBS[order.action]}"
        try:
            reply = coverage.client.change(path, None, gate)
        except RequestRefused as refusal:
            return self._refused(order, coverage, refusal, gate)
        return _changed(order, reply.document)

    def _start(self, orders: Sequence[Order], coverage: Coverage, gate: Gate) -> list[Answer]:
        """A refused job has changed nothing: either another job has this action, or no job of ours can be taken."""
        group = coverage.batch_group or ""
        try:
            reply = coverage.client.change(jobs.jobs_path(group), Json(jobs.job_of(orders)), gate)
        except RequestRefused as refusal:
            if refusal.status in (400, 409):
                wait = min(max(LEAST_WAIT_SECONDS, SECONDS_PER_SIM * len(orders)), MOST_WAIT_SECONDS)
                raise NotSent(f"Soracom runs one job of an action at a time. {refusal}", wait) from None
            hint = f"Check that {coverage} has the batch group {group!r}, and what the account may do."
            raise CredentialsRefused(f"{refusal} {hint}") from None
        return jobs.started(orders, reply.document, coverage.name, group)

    def _refused(self, order: Order, coverage: Coverage, refusal: RequestRefused, gate: Gate) -> Answer:
        """Soracom publishes no error codes, so a read of the SIM tells what a refusal means."""
        try:
            for each in (coverage, *(other for other in self._coverages.values() if other is not coverage)):
                sim = each.find(_sim_id(order), gate)
                if sim is not None:
                    if each is not coverage:
                        return _elsewhere(order, each)
                    return _refused_although_there(order, sim, refusal)
        except (ReadFailed, NotSent) as error:
            return Answer(order.iccid, AnswerKind.UNKNOWN, "refused_unread", f"{refusal} {error}")
        return _refused_as_absent(order, refusal)


def capabilities_of(account: CarrierAccount) -> Capabilities:
    """Without a batch group there are no jobs; SIMs that are delivered into the account are not claimed.

    Raises `CarrierError` for a `registration` that is neither "code" nor "done".
    """
    can = CAPABILITIES
    if not account.options.get("batch_group"):
        can = replace(can, orders_per_request=1, follows=False, quiet_seconds=300.0)
    if choice_of(account, "registration", "code", "done") == "code":
        return can
    return replace(can, claims=False, needs_registration_code=False)


def _sim_id(order: Order) -> str:
    """The SIM ID is the ICCID of every card; of an eUICC it is what the carrier has told us."""
    return order.carrier_reference or order.iccid


def _epoch(day: date) -> str:
    """Any second of a day stands for all of it; its first has always passed."""
    return str(int(datetime.combine(day, time(), UTC).timestamp()))


def _claimed(order: Order, document: object) -> Answer:
    if not isinstance(document, dict) or not is_sim(document):
        return Answer(order.iccid, AnswerKind.UNKNOWN, "not_a_sim", "A 2xx answer does not hold a SIM.")
    if order.iccid not in iccids_of(document):
        return Answer(order.iccid, AnswerKind.REVIEW, "another_sim", "The registration was answered with another SIM.")
    return _is_ours(order, "claimed", seen(document, order.iccid))


def _is_ours(order: Order, reason: str, sim: CarrierSim) -> Answer:
    """The claim is true. A registered SIM is `ready`: it connects before anybody has activated it."""
    return Answer(order.iccid, AnswerKind.DONE, reason, carrier_reference=sim.carrier_reference, state=sim.state)


def _changed(order: Order, document: object) -> Answer:
    if not isinstance(document, dict) or not is_sim(document):
        return Answer(order.iccid, AnswerKind.UNKNOWN, "not_a_sim", "A 2xx answer does not hold a SIM.")
    if document["simId"] != _sim_id(order):
        return Answer(order.iccid, AnswerKind.REVIEW, "another_sim", "The change was answered with another SIM.")
    sim = seen(document, order.iccid)
    if sim.word in DONE_WORDS[order.action]:
        return Answer(order.iccid, AnswerKind.DONE, "done_at_once", carrier_reference=sim.carrier_reference)
    sentence = f"The change was answered with the status {sim.word!r}."
    return Answer(order.iccid, AnswerKind.UNKNOWN, "unexpected_status", sentence)


def _refused_although_there(order: Order, sim: Mapping[str, object], refusal: RequestRefused) -> Answer:
    """The SIM is in our account: it may be so already, or it is protected."""
    now = seen(sim, order.iccid)
    if now.state is SimState.RELEASED and order.action is not Action.RELEASE:
        return Answer(order.iccid, AnswerKind.REJECTED, "terminated", "The SIM is terminated, which is for good.")
    if order.stage is Stage.CLAIM:
        return _is_ours(order, "already_ours", now)
    if now.word in DONE_WORDS[order.action]:
        return Answer(order.iccid, AnswerKind.DONE, "already_so", carrier_reference=now.carrier_reference)
    if order.action is Action.RELEASE and sim.get("terminationEnabled") is False:
        sentence = "Its termination protection is on. Lift it in Soracom's console, then re-run the release."
        return Answer(order.iccid, AnswerKind.REJECTED, "termination_protected", sentence)
    return _refused_for_good(order, refusal, "refused")


def _refused_as_absent(order: Order, refusal: RequestRefused) -> Answer:
    if order.stage is Stage.CLAIM:
        return _refused_for_good(order, refusal, "not_registrable")
    if order.action is Action.RELEASE:
        return Answer(order.iccid, AnswerKind.DONE, "already_gone")
    return Answer(order.iccid, AnswerKind.REVIEW, "gone", str(refusal))


def _refused_for_good(order: Order, refusal: RequestRefused, reason: str) -> Answer:
    if refusal.status == 403:
        raise CredentialsRefused(f"{refusal} Check what the account may do.") from None
    if refusal.status == 409:  # something else goes on with the SIM: a later read shows what became of it
        return Answer(order.iccid, AnswerKind.UNKNOWN, "conflict", str(refusal))
    return Answer(order.iccid, AnswerKind.REJECTED, reason, str(refusal))


def _elsewhere(order: Order, coverage: Coverage) -> Answer:
    sentence = f"The SIM is in {coverage}, which is not that of its home country {order.home_country or 'none'}."
    return Answer(order.iccid, AnswerKind.REVIEW, "other_coverage", sentence)
