"""The commands, each with the sentence that the overview and its own help show. Nothing is imported for it."""

from dataclasses import dataclass

FINE, NEEDS_YOU, CANNOT, STOPPED = 0, 1, 2, 130
"""Exit statuses: all is well; done, and something in it needs a person; could not be done; stopped by a person."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command: where its function is, and what it does. `group` is its heading in the overview."""

    name: str
    target: str
    sentence: str
    group: str


_WORK = "Bring SIMs to life"
_LOOK = "See what became of them"
_KEEP = "Set things up"
_TRY = "Try it"

COMMANDS: tuple[Command, ...] = (
    Command("import", "console.importing:import_", "Import a manifest and activate its SIMs.", _WORK),
    Command("plan", "console.planning:plan", "Show what an import would do, in SIMs and in money.", _WORK),
    Command("approve", "console.importing:approve", "Let a manifest go on that stopped for a person's word.", _WORK),
    Command("watch", "console.watching:watch", "Take in whatever is dropped, until you stop it.", _WORK),
    Command("pick-up", "console.sweeping:pick_up", "Take in what lies in the sources now, once.", _WORK),
    Command("settle", "console.sweeping:settle", "Send what is due, and ask the carriers what became of it.", _WORK),
    Command("deactivate", "console.acting:deactivate", "Pause SIMs; they can be activated again.", _WORK),
    Command("activate", "console.acting:activate", "Activate SIMs again that were deactivated.", _WORK),
    Command("release", "console.acting:release", "Give SIMs back for good.", _WORK),
    Command("listen", "console.listening:listen", "Let carriers call when something has changed.", _WORK),
    Command("pause", "console.halting:pause", "Send nothing new of a manifest until it is resumed.", _WORK),
    Command("resume", "console.halting:resume", "Let a paused manifest go on.", _WORK),
    Command("cancel", "console.halting:cancel", "Withdraw what was not sent of a manifest.", _WORK),
    Command("decide", "console.deciding:decide", "Settle SIMs that only a person can settle.", _WORK),
    Command("rerun", "console.rerunning:rerun", "Let a part of a manifest go on.", _WORK),
    Command(
        "restored", "console.restoring:restored", "After a backup was restored: read before anything is sent.", _WORK
    ),
    Command("reconcile", "console.reconciling:reconcile", "Compare our SIMs with what carriers list and bill.", _LOOK),
    Command("usage", "console.metering:usage", "Collect and report what the SIMs have used.", _LOOK),
    Command("status", "console.looking:status", "How the manifests stand, or one of them.", _LOOK),
    Command("sims", "console.looking:sims", "List SIMs, page by page.", _LOOK),
    Command("show", "console.showing:show", "One SIM's whole history.", _LOOK),
    Command("alerts", "console.alerting:alerts", "List alerts, send what is due, and try the channels.", _LOOK),
    Command("receipt", "console.showing:receipt", "What became of every line of a manifest.", _LOOK),
    Command("reports", "console.reporting:reports", "The reports that are kept.", _LOOK),
    Command("init", "console.starting:init", "Write a configuration to begin with, or make a key.", _KEEP),
    Command("check", "console.starting:check", "See whether everything configured can be reached.", _KEEP),
    Command("rotate-key", "console.rotating:rotate_key", "Seal stored registration codes with a newer key.", _KEEP),
    Command("products", "console.keeping:products", "List, add and upgrade products.", _KEEP),
    Command("devices", "console.keeping:devices", "Import an inventory of devices with built-in SIMs.", _KEEP),
    Command("carriers", "console.starting:carriers", "Which carriers there are, and what each offers.", _KEEP),
    Command("demo", "console.demo.command:demo", "Import four manifests at five simulated carriers.", _TRY),
    Command("simulate", "console.simulating:simulate", "Run a simulated carrier.", _TRY),
    Command("version", "console.starting:version", "The version of simline and of what it stands on.", _TRY),
)

PURPOSE = "A manifest of ICCIDs becomes active SIMs. Each is activated at most once, and\nno line is lost."

COMMON = (
    ("--config FILE", "Use this file, not SIMLINE_CONFIG or ./simline.toml."),
    ("--debug", "Show the details of an error."),
    ("--help", "Show this, or the help of a command."),
)


def overview(*, bold: bool = False) -> str:
    """What `simline` alone says: every command under its heading; `bold` ones are for a terminal."""
    width = max(len(name) for name in (*(command.name for command in COMMANDS), *(option for option, _ in COMMON)))
    heading_of = "\033[1m{}\033[0m".format if bold else "{}".format
    lines = ["Usage: simline COMMAND [OPTIONS]", "", PURPOSE]
    heading = ""
    for command in COMMANDS:
        if command.group != heading:
            heading = command.group
            lines += ["", heading_of(f"{heading}:")]
        lines.append(f"  {command.name:{width}}  {command.sentence}")
    lines += ["", heading_of("With every command:")]
    lines += [f"  {option:{width}}  {sentence}" for option, sentence in COMMON]
    return "\n".join(lines)
