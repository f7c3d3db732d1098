"""What a person should read before a run begins."""

from collections.abc import Iterator

from parbatch.docx import unproved_version
from parbatch.model import loading
from parbatch.model.loading import LoadedJob
from parbatch.model.text import printable
from parbatch.model.units import counted
from parbatch.planning.plan import Plan


def announcements(loaded: LoadedJob, plan: Plan, *, accelerate: bool) -> Iterator[str]:
    """Lines that a person should read before the run: what is due and why, and what is out of date."""
    if loading.is_unnamed_sample(loaded):
        yield "No job named, so this is the sample job: a brief for each country of the world."
    if accelerate and (version := unproved_version()):
        yield f"python-docx {version} is not one that parbatch was proved to make faster; it is used as it is."
    due = sum(plan.reasons.values())
    if due and (due < plan.total or set(plan.reasons) - {"new", "started over"}):
        why = ", ".join(f"{count:,} {printable(reason)}" for reason, count in plan.reasons.items())
        this_time = f"; {plan.due:,} of them this time" if plan.due < due else ""
        yield f"Due: {due:,} of {counted(plan.total, 'item')} ({why}){this_time}."
    yield from remarks(plan)


def remarks(plan: Plan) -> Iterator[str]:
    """Yield what a run does not make anew by itself: what is known to fail, and what is out of date."""
    if plan.known_to_fail:
        yield (
            f"Known to fail: {counted(plan.known_to_fail, 'item')} that failed alike in the last two runs, with nothing"
            " changed since. Not tried again; --retry-failed tries all the same."
        )
    if plan.unread:
        yield "The source is not read to its end: --limit needs no more of it. There may be more items."
    if plan.stale:
        yield (
            f"{counted(plan.stale, 'item')} no longer in the source left outputs in items/;"
            " `parbatch prune` removes them, and with --dry-run only lists them."
        )
    if plan.older_code:
        older = counted(plan.older_code, "item")
        yield f"{older} made by older code of the job; --resume --rerun code makes them again."
