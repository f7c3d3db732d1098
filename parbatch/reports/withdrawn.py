"""What was withdrawn, and what in `items/` is out of date, in words."""

from collections.abc import Iterator

from parbatch.model.result import ProductReport, Withdrawn
from parbatch.model.text import printable
from parbatch.model.units import counted
from parbatch.reports.html.text import markup

_EDITED = "edited"
MOST_NAMED = 5


def summary_of(withdrawn: Withdrawn) -> str:
    """`1 older output was withdrawn`, `2 older outputs and 1 edited one were withdrawn`; empty where there is none."""
    if not withdrawn.count:
        return ""
    edited = withdrawn.by_reason.get(_EDITED, 0)
    older = withdrawn.count - edited
    what = counted(older, "older output") if older else counted(edited, "edited output")
    if older and edited:
        what += f" and {edited} edited {'one' if edited == 1 else 'ones'}"
    return f"{what} {'was' if withdrawn.count == 1 else 'were'} withdrawn"


def named(withdrawn: Withdrawn) -> str:
    """Return the first of them by their paths: `bob.txt, cyd.txt … and 3 more`."""
    names = ", ".join(printable(one.path) for one in withdrawn.first[:MOST_NAMED])
    more = withdrawn.count - min(len(withdrawn.first), MOST_NAMED)
    return names + (f" … and {more:,} more" if more else "")


def out_of_date(count: int) -> str:
    """Say that some outputs are of items that are not ok; empty where none is."""
    if not count:
        return ""
    are = "is" if count == 1 else "are"
    return f"{counted(count, 'older output')} in items/ {are} out of date: not of an item that is ok"


def lines(withdrawn: Withdrawn, where: str) -> Iterator[str]:
    """Lines for the summary; `where` is the folder as a person would type it."""
    if withdrawn.count:
        yield f"  withdrawn {summary_of(withdrawn)}: {named(withdrawn)}; now in {printable(where)}"
    if withdrawn.out_of_date:
        yield f"  older     {out_of_date(withdrawn.out_of_date)}"


def of_earlier_outcomes(product: ProductReport | None, shown: str) -> str:
    """Say that a product is still that of earlier outcomes; empty where it is not. `shown` is its path."""
    if product is None or product.out_of_date is None:
        return ""
    return f"{printable(shown)} is of earlier outcomes, and out of date"


def details(withdrawn: Withdrawn) -> Iterator[str]:
    """Return a part of the page that names them."""
    if not withdrawn.count and not withdrawn.out_of_date:
        return
    told = "; ".join(filter(None, (summary_of(withdrawn), out_of_date(withdrawn.out_of_date))))
    yield f'<details class="more"><summary>{markup(told)}</summary><ul class="named">'
    for one in withdrawn.first:
        yield f"<li><bdi>{markup(one.path, 200)}</bdi> of <bdi>{markup(one.id, 120)}</bdi> ({markup(one.why)})"
        yield f": <bdi>{markup(one.kept, 500)}</bdi></li>"
    if withdrawn.count > len(withdrawn.first):
        yield f"<li>… and {withdrawn.count - len(withdrawn.first):,} more</li>"
    for path in withdrawn.stale:
        yield f"<li><bdi>{markup(path, 200)}</bdi> is out of date, and still in items/</li>"
    if withdrawn.out_of_date > len(withdrawn.stale):
        yield f"<li>… and {withdrawn.out_of_date - len(withdrawn.stale):,} more</li>"
    yield "</ul></details>"
