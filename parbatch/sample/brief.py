"""One country's brief: a cover, then facts, languages and currency, neighbours, and the largest cities."""

from typing import TYPE_CHECKING

from parbatch.sample import styles
from parbatch.sample.country import CREDIT, SOURCE, Country
from parbatch.sample.layout import (
    NUMBER,
    TEXT,
    add_caption,
    add_facts,
    add_figures,
    add_list,
    set_header,
    set_properties,
)
from parbatch.sample.words import UNKNOWN, count, density, percent, place, rough, series, whole

if TYPE_CHECKING:
    from docx.document import Document

CITIES_SOURCE = (
    f"{CREDIT}. Counts of cities and of the country may be years apart, and parts of a city may be listed "
    "beside it, so shares can add up to more than 100 %."
)


def write_brief(document: "Document", country: Country) -> None:
    """Write a country's brief into a new document made from `template.docx`."""
    keywords = [country.name, country.iso, country.continent]
    set_properties(document, f"{country.name}: country brief", key_line(country), keywords)
    set_header(document, country.name, "Country brief")
    add_cover(document, country)
    add_key_facts(document, country)
    add_languages_and_currency(document, country)
    add_neighbours(document, country)
    add_cities(document, country)


def key_line(country: Country) -> str:
    """Return the line that sums up a country under its name."""
    people = f"{rough(country.population)} people" if country.population else "No permanent population"
    area = f" on {whole(country.area_km2)} km²" if country.area_km2 else ""
    capital = f", capital {country.capital}" if country.capital not in {"", country.name} else ""
    return f"{people}{area}{capital}"


def add_cover(document: "Document", country: Country) -> None:
    """Add the cover: what this is, the name, the key line, three figures, and whose data it is."""
    document.add_paragraph(f"COUNTRY BRIEF  ·  {country.continent.upper()}", styles.KICKER)
    document.add_paragraph(country.name, styles.TITLE)
    document.add_paragraph(key_line(country), styles.SUBTITLE)
    add_figures(
        document,
        [
            (rough(country.population) if country.population else UNKNOWN, "inhabitants"),
            (whole(country.area_km2), "km² of area"),
            (density(country.density), "inhabitants a km²"),
        ],
    )
    note = former_note(country)
    document.add_paragraph(f"{note} {SOURCE}".strip(), styles.COVER_NOTE)


def former_note(country: Country) -> str:
    """Return what must be known of a country that is no more, or an empty string."""
    if not country.dissolved:
        return ""
    return f"{country.name} was dissolved in {country.dissolved}. The figures are the last that GeoNames keeps."


def add_key_facts(document: "Document", country: Country) -> None:
    """Add the table of key facts."""
    document.add_paragraph("Key facts", styles.SECTION_ON_NEW_PAGE)
    if country.dissolved:
        document.add_paragraph(former_note(country), styles.NOTE)
    capital = " · ".join(filter(None, [country.capital, country.capital_own]))
    add_caption(document, 1, f"{country.name} in figures and codes", CREDIT)
    add_facts(
        document,
        [
            ("Continent", country.continent),
            ("Capital", capital),
            ("Coordinates of the capital", place(*country.capital_at) if country.capital_at else ""),
            ("Time zone of the capital", country.time_zone),
            ("Population", whole(country.population)),
            ("Area", f"{whole(country.area_km2)} km²" if country.area_km2 else UNKNOWN),
            ("Density", f"{density(country.density)} inhabitants a km²" if country.density else ""),
            ("ISO 3166 codes", iso_codes(country)),
            ("Internet domain", country.domain),
            ("Calling code", country.calling_code),
        ],
    )


def iso_codes(country: Country) -> str:
    """Return the codes of ISO 3166-1: two letters, three letters, three digits if there are any."""
    number = [f"{country.number:03}"] if country.number else []
    return ", ".join([country.iso, country.iso3, *number])


def add_languages_and_currency(document: "Document", country: Country) -> None:
    """Add what is spoken and what is paid with."""
    document.add_paragraph("Languages and currency", styles.SECTION)
    if country.languages:
        languages = count(len(country.languages), "language")
        text = f"GeoNames lists {languages} for {country.name}: {series(country.languages)}."
    else:
        text = f"GeoNames lists no language for {country.name}."
    document.add_paragraph(text, styles.BODY)
    if country.currency:
        text = f"The currency is the {country.currency_name} (ISO 4217 code {country.currency})."
    else:
        text = "GeoNames lists no currency."
    document.add_paragraph(text, styles.BODY)


def add_neighbours(document: "Document", country: Country) -> None:
    """Add the countries that share a border on land."""
    document.add_paragraph("Neighbours", styles.SECTION)
    if country.neighbours:
        neighbours = count(len(country.neighbours), "neighbour")
        text = f"GeoNames lists {neighbours} on land for {country.name}: {series(country.neighbours)}."
    else:
        text = f"GeoNames lists no neighbours on land for {country.name}."
    document.add_paragraph(text, styles.BODY)


def add_cities(document: "Document", country: Country) -> None:
    """Add the table of the largest cities with their share of the population."""
    document.add_paragraph("Largest cities", styles.SECTION)
    if not country.cities:
        document.add_paragraph(f"GeoNames lists no populated place in {country.name}.", styles.BODY)
        return
    largest = country.cities[0]
    of_all = f", {percent(country.share(largest))} of the population" if country.population else ""
    several = len(country.cities) > 1
    rank = "the largest city" if several else "the only populated place that GeoNames lists"
    text = f"{largest.name} is {rank}, with {whole(largest.population)} inhabitants{of_all}."
    document.add_paragraph(text, styles.BODY)
    places = f"The {len(country.cities)} largest cities" if several else "The populated place"
    add_caption(document, 2, f"{places} of {country.name}", CITIES_SOURCE)
    own_names = any(city.own_name for city in country.cities)
    columns = [("No.", 1.3, NUMBER), ("City", 6.2 if own_names else 8.7, TEXT)]
    if own_names:
        columns.append((f"In {country.script}", 4.0, TEXT))
    columns += [
        ("Inhabitants", 2.6 if own_names else 3.4, NUMBER),
        ("Share", 2.4 if own_names else 3.1, NUMBER),
    ]
    rows = []
    for number, city in enumerate(country.cities, start=1):
        own = [city.own_name] if own_names else []
        rows.append([str(number), city.name, *own, whole(city.population), percent(country.share(city))])
    add_list(document, columns, rows)
