"""Alert: what a person should know of is raised, and sent wherever it is wanted."""

from prefect import flow

from tasks.alerts import deliver_alerts, watch_ledger
from tasks.outcomes import RunFailed
from tasks.parameters import AlertParameters
from tasks.runner import side_by_side

AS_USUAL = AlertParameters()


@flow(name="alert", task_runner=side_by_side())
def alert(parameters: AlertParameters = AS_USUAL) -> int:
    """Look at the ledger, raise what is new, send what is due; how many alerts were new.

    What a channel did not take is sent again by a later run. The run fails where one was tried for the last time.
    """
    raised = watch_ledger()
    outcomes = deliver_alerts(parameters.work_seconds)
    given_up = [each for each in outcomes if each.given_up]
    if given_up:
        raise RunFailed(*(f"{each.channel}: {each.given_up} alerts are given up. {each.sentence}" for each in given_up))
    return raised
