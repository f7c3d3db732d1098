"""The overview of all briefs: counts, continents, largest countries, an index with links, and what failed."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote

from parbatch.sample import styles
from parbatch.sample.country import CREDIT, SOURCE, Country, country_of
from parbatch.sample.layout import (
    NUMBER,
    TEXT,
    add_caption,
    add_figures,
    add_link,
    add_list,
    fill,
    set_header,
    set_properties,
)
from parbatch.sample.words import UNKNOWN, count, density, printable, rough, series, whole

if TYPE_CHECKING:
    from docx.document import Document

    from parbatch.model.outcome import Outcome

TITLE = "Countries of the world"
MOST_LARGEST = 20

# What each status means to the reader of the overview.
MEANINGS = {
    "ok": "made",
    "failed": "could not be made: an error was raised",
    "invalid": "made, but did not pass its checks",
    "timeout": "given up after the time allowed",
    "memory": "given up for want of memory",
    "crashed": "lost with the process that made it",
    "pending": "not yet made",
}

Pair = tuple["Outcome", Country]


def write_overview(document: "Document", counts: Mapping[str, int], outcomes: Sequence["Outcome"]) -> None:
    """Write the overview of these outcomes into a new document made from `template.docx`."""
    pairs = [(outcome, country_of(outcome.item.data)) for outcome in outcomes]
    made = sum(outcome.status == "ok" for outcome in outcomes)
    set_properties(document, f"{TITLE}: overview", f"{made} of {len(pairs)} briefs", ["countries", "overview"])
    set_header(document, TITLE, "Overview of the country briefs")
    add_cover(document, pairs, made)
    add_counts(document, counts, len(pairs))
    add_continents(document, pairs)
    add_largest(document, pairs)
    add_index(document, pairs)
    add_failures(document, [outcome for outcome in outcomes if outcome.status != "ok"])


def add_cover(document: "Document", pairs: Sequence[Pair], made: int) -> None:
    """Add the cover."""
    existing = [country for _, country in pairs if not country.dissolved]
    people = sum(country.population for country in existing)
    continents = len({country.continent for country in existing})
    document.add_paragraph("OVERVIEW", styles.KICKER)
    document.add_paragraph(TITLE, styles.TITLE)
    briefs = f"{made:,} of {count(len(pairs), 'brief')}" if made < len(pairs) else count(made, "brief")
    line = f"{briefs} of countries and territories on {count(continents, 'continent')}"
    document.add_paragraph(line, styles.SUBTITLE)
    add_figures(
        document,
        [
            (f"{made:,}", "briefs made"),
            (f"{len(pairs) - made:,}", "briefs not made"),
            (rough(people) if people else UNKNOWN, "inhabitants in all"),
        ],
    )
    document.add_paragraph(SOURCE.replace("this brief", "these documents"), styles.COVER_NOTE)


def add_counts(document: "Document", counts: Mapping[str, int], total: int) -> None:
    """Add the number of briefs by how their making ended."""
    document.add_paragraph("Counts", styles.SECTION_ON_NEW_PAGE)
    add_caption(document, 1, "Briefs by status")
    rows = [(status, meaning, f"{counts[status]:,}") for status, meaning in MEANINGS.items() if counts.get(status)]
    columns = [("Status", 3.5, TEXT), ("The brief was", 9.5, TEXT), ("Briefs", 3.5, NUMBER)]
    add_list(document, columns, [*rows, ("Total", "", f"{total:,}")], totals=True)


def add_continents(document: "Document", pairs: Sequence[Pair]) -> None:
    """Add the table by continent. Countries that are no more have briefs, but are not counted twice."""
    document.add_paragraph("Continents", styles.SECTION)
    add_caption(document, 2, "Briefs, population and area by continent", CREDIT)
    groups = by_continent(pairs)
    rows = [continent_row(continent, groups[continent]) for continent in sorted(groups)]
    columns = [
        ("Continent", 4.1, TEXT),
        ("Briefs made", 2.6, NUMBER),
        ("Not made", 2.2, NUMBER),
        ("Population", 3.2, NUMBER),
        ("Area, km²", 2.8, NUMBER),
        ("Per km²", 1.6, NUMBER),
    ]
    add_list(document, columns, [*rows, continent_row("World", pairs)], totals=True)
    former = [country for _, country in pairs if country.dissolved]
    if former:
        names = series([f"{country.name} (dissolved in {country.dissolved})" for country in former])
        note = f"Population and area leave out {names}, whose people and land are counted in their successors."
        document.add_paragraph(note, styles.NOTE)


def continent_row(name: str, pairs: Sequence[Pair]) -> tuple[str, ...]:
    """Return a row of figures for some outcomes taken together."""
    made = sum(outcome.status == "ok" for outcome, _ in pairs)
    existing = [country for _, country in pairs if not country.dissolved]
    people = sum(country.population for country in existing)
    area = sum(country.area_km2 for country in existing)
    each = density(people / area if area else 0.0)
    return name, f"{made:,}", f"{len(pairs) - made:,}", whole(people), whole(area), each


def add_largest(document: "Document", pairs: Sequence[Pair]) -> None:
    """Add the countries with the most inhabitants."""
    existing = [country for _, country in pairs if not country.dissolved]
    ranked = sorted(existing, key=lambda country: -country.population)[:MOST_LARGEST]
    document.add_paragraph("Largest countries", styles.SECTION_ON_NEW_PAGE)
    add_caption(document, 3, f"The {count(len(ranked), 'country', 'countries')} with the most inhabitants", CREDIT)
    columns = [
        ("No.", 1.1, NUMBER),
        ("Country", 5.7, TEXT),
        ("Capital", 2.8, TEXT),
        ("Population", 2.9, NUMBER),
        ("Area, km²", 2.4, NUMBER),
        ("Per km²", 1.6, NUMBER),
    ]
    rows = []
    for number, country in enumerate(ranked, start=1):
        area, each = whole(country.area_km2), density(country.density)
        rows.append((str(number), country.name, country.capital, whole(country.population), area, each))
    add_list(document, columns, rows)


def add_index(document: "Document", pairs: Sequence[Pair]) -> None:
    """Add all briefs by continent, each a link to its file beside the overview."""
    document.add_paragraph("Index of briefs", styles.SECTION)
    document.add_paragraph("Each name leads to its brief in the folder items beside this document.", styles.BODY)
    groups = by_continent(pairs)
    columns = [("Brief", 6.4, TEXT), ("Code", 1.6, TEXT), ("Capital", 4.6, TEXT), ("Population", 3.9, NUMBER)]
    for continent in sorted(groups):
        document.add_paragraph(continent, styles.SUBSECTION)
        group = groups[continent]
        table = add_list(
            document,
            columns,
            [("", country.iso, country.capital or UNKNOWN, whole(country.population)) for _, country in group],
        )
        for cell, (outcome, country) in zip(table.columns[0].cells[1:], group, strict=True):
            address = address_of(outcome)
            if address:
                add_link(cell.paragraphs[0], country.name, address)
            else:
                fill(cell, f"{country.name} ({outcome.status})", TEXT)


def address_of(outcome: "Outcome") -> str:
    """Return where an item's document is, as seen from the overview, or "" where there is none."""
    documents = [path for path in outcome.outputs if path.endswith(".docx")]
    return f"items/{quote(documents[0])}" if outcome.status == "ok" and documents else ""


def add_failures(document: "Document", outcomes: Sequence["Outcome"]) -> None:
    """Add what was not made, and why."""
    document.add_paragraph("What failed, and why", styles.SECTION)
    if not outcomes:
        document.add_paragraph("Nothing failed: every brief was made.", styles.BODY)
        return
    add_caption(document, 4, "Briefs that were not made")
    rows = [(outcome.item.name, outcome.status, reason(outcome)) for outcome in outcomes]
    add_list(document, [("Brief", 4.5, TEXT), ("Status", 2.3, TEXT), ("Why", 9.7, TEXT)], rows)


def reason(outcome: "Outcome") -> str:
    """Return why an item is not ok, in the words of its error, or else of its status."""
    cause = ": ".join(filter(None, [outcome.type, printable(outcome.message)]))
    return cause or MEANINGS[outcome.status]


def by_continent(pairs: Sequence[Pair]) -> dict[str, list[Pair]]:
    """Return the outcomes grouped by continent, in their own order."""
    groups = defaultdict(list)
    for pair in pairs:
        groups[pair[1].continent].append(pair)
    return dict(groups)
