"""The sample job: its data and its documents.

It is the test of all that the job is made of: parbatch.sample.job, parbatch.sample.brief, parbatch.sample.country,
parbatch.sample.layout, parbatch.sample.overview, parbatch.sample.styles and parbatch.sample.words.
"""

import io
import zipfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from docx import Document
from docx.document import Document as DocumentObject

from parbatch import Item, Outcome
from parbatch.sample import styles
from parbatch.sample.country import DATA, City, Country, country_of
from parbatch.sample.job import TEMPLATE, brief, countries, job, overview
from parbatch.sample.words import count, density, percent, place, printable, rough, series
from parbatch.worker.context import Context, Run

HOME = DATA.parent
ITEMS = {item.id: item for item in countries()}
RESERVED = {"con", "prn", "aux", "nul"}


class PlainContext(Context):
    """A context whose documents come from plain python-docx."""

    def __init__(self) -> None:
        super().__init__(1, None, "unused", HOME)

    def document(self, template: str | Path | None = None) -> DocumentObject:
        return Document(str(HOME / template) if template else None)


def reopened(document: DocumentObject) -> DocumentObject:
    stream = io.BytesIO()
    document.save(stream)
    return Document(stream)


def render(name: str) -> DocumentObject:
    return reopened(brief(ITEMS[name], PlainContext()))


def render_overview(outcomes: Sequence[Outcome]) -> DocumentObject:
    counts = Counter[str](outcome.status for outcome in outcomes)
    return reopened(overview(Run(counts, lambda: iter(outcomes)), PlainContext()))


def done(item: Item) -> Outcome:
    return Outcome(item=item, status="ok", outputs=(f"{item.id}.docx",))


@pytest.fixture(scope="module")
def whole_overview() -> DocumentObject:
    return render_overview([done(item) for item in ITEMS.values()])


def text_of(document: DocumentObject) -> str:
    return "\n".join("".join(p.itertext()) for p in document.element.body.iter("{*}p"))


def headings(document: DocumentObject) -> list[str]:
    return [p.text for p in document.paragraphs if p.style and (p.style.name or "").startswith("Heading 1")]


def test_data_is_compact_and_whole() -> None:
    assert DATA.stat().st_size < 600_000
    assert len(ITEMS) == 252
    assert all(country_of(item.data).iso for item in ITEMS.values())


def test_ids_are_safe_file_names() -> None:
    assert all(set(id_) <= set("abcdefghijklmnopqrstuvwxyz-") and id_ not in RESERVED for id_ in ITEMS)


def test_numbers_of_cities_are_uneven() -> None:
    sizes = Counter(len(country_of(item.data).cities) for item in ITEMS.values())
    assert min(sizes) == 0
    assert max(sizes) == 60
    assert sizes[1] > 5
    assert sizes[60] > 50


@pytest.mark.parametrize(
    ("country", "city", "own_name"),
    [
        ("china", "Beijing", "北京"),
        ("egypt", "Cairo", "القاهرة"),
        ("greece", "Athens", "Αθήνα"),
        ("india", "Mumbai", "मुंबई"),
        ("russia", "Moscow", "Москва"),
        ("south-korea", "Seoul", "서울"),
        ("brazil", "São Paulo", ""),
        ("iceland", "Reykjavík", ""),
    ],
)
def test_names_keep_their_script_and_accents(country: str, city: str, own_name: str) -> None:
    cities = {entry.name: entry for entry in country_of(ITEMS[country].data).cities}
    assert cities[city].own_name == own_name
    text = text_of(render(country))
    assert city in text
    assert own_name in text


def test_job_names_files_that_exist() -> None:
    job.check()
    assert job.files == (TEMPLATE,)
    assert (HOME / TEMPLATE).is_file()
    assert {item.group for item in ITEMS.values()} >= {"Africa", "Europe", "North America"}


def test_brief_has_its_parts() -> None:
    document = render("ivory-coast")
    assert [p.text for p in document.paragraphs[:3]] == [
        "COUNTRY BRIEF  ·  AFRICA",
        "Ivory Coast",
        "25.1 million people on 322,460 km², capital Yamoussoukro",
    ]
    assert headings(document) == ["Key facts", "Languages and currency", "Neighbours", "Largest cities"]
    text = text_of(document)
    assert "Burkina Faso, Ghana, Guinea, Liberia and Mali" in text
    assert "CI, CIV, 384" in text
    assert "French" in text
    assert "CC BY 4.0" in text


def test_brief_has_header_footer_and_properties() -> None:
    document = render("france")
    section = document.sections[0]
    assert section.header.paragraphs[0].text == "France\tCountry brief"
    assert section.first_page_header.paragraphs[0].text == ""
    footer = section.footer.paragraphs[0]._p.xml
    assert 'w:instr="PAGE"' in footer
    assert "GeoNames, CC BY 4.0" in footer
    core = document.core_properties
    assert (core.title, core.author) == ("France: country brief", "parbatch")
    assert core.created is not None
    assert core.created == core.modified
    assert core.created.year == 2025


def test_table_of_cities_repeats_its_head_and_aligns_numbers_by_style() -> None:
    rows = render("india").tables[-1].rows
    assert len(rows) == 61
    assert rows[0]._tr.xpath("w:trPr/w:tblHeader")
    assert [cell.text for cell in rows[0].cells] == ["No.", "City", "In Devanagari", "Inhabitants", "Share"]
    style = rows[60].cells[-1].paragraphs[0].style
    assert style is not None
    assert style.name == styles.CELL_NUMBER


def test_country_without_cities_has_a_brief() -> None:
    text = text_of(render("bouvet-island"))
    assert "No permanent population on 49 km²" in text
    assert "GeoNames lists no populated place" in text


def test_country_that_is_no_more_says_so() -> None:
    assert "was dissolved in 2006" in text_of(render("serbia-and-montenegro"))


@pytest.mark.parametrize("name", ["niue", "china", "saudi-arabia", "overview"])
def test_formatting_is_in_styles_alone(name: str, whole_overview: DocumentObject) -> None:
    document = whole_overview if name == "overview" else render(name)
    body = document.element.body
    assert body.xpath("//w:rPr/*[not(self::w:rStyle)]") == []
    assert body.xpath("//w:pPr/*[not(self::w:pStyle)]") == []
    known = {style.style_id for style in document.styles}
    assert set(body.xpath("//w:pStyle/@w:val | //w:rStyle/@w:val | //w:tblStyle/@w:val")) <= known


def test_every_style_of_the_module_is_in_the_template() -> None:
    names = {value for key, value in vars(styles).items() if key.isupper()}
    assert names <= {style.name for style in Document(str(HOME / TEMPLATE)).styles}


def test_same_item_gives_the_same_parts() -> None:
    def parts() -> dict[str, bytes]:
        stream = io.BytesIO()
        brief(ITEMS["japan"], PlainContext()).save(stream)
        with zipfile.ZipFile(stream) as archive:
            return {name: archive.read(name) for name in archive.namelist()}

    assert parts() == parts()


def test_overview_has_counts_continents_largest_and_index(whole_overview: DocumentObject) -> None:
    assert headings(whole_overview) == [
        "Counts",
        "Continents",
        "Largest countries",
        "Index of briefs",
        "What failed, and why",
    ]
    _, counts, continents, largest, *index = whole_overview.tables
    groups = sorted({item.group for item in ITEMS.values()})
    assert [cell.text for cell in counts.rows[-1].cells] == ["Total", "", "252"]
    assert [row.cells[0].text for row in continents.rows] == ["Continent", *groups, "World"]
    assert len(largest.rows) == 21
    assert sum(len(table.rows) - 1 for table in index) == 252
    assert "every brief was made" in text_of(whole_overview)


def test_overview_links_each_brief(whole_overview: DocumentObject) -> None:
    links = whole_overview.element.body.xpath("//w:hyperlink/@r:id")
    targets = [whole_overview.part.rels[link].target_ref for link in links]
    assert sorted(targets) == sorted(f"items/{id_}.docx" for id_ in ITEMS)


def test_overview_counts_no_people_twice(whole_overview: DocumentObject) -> None:
    people = whole_overview.tables[2].rows[-1].cells[3].text
    existing = [item.data["population"] for item in ITEMS.values() if not item.data.get("dissolved")]
    assert int(people.replace(",", "")) == sum(existing) < 9_000_000_000


def test_overview_lists_what_failed_and_why() -> None:
    outcomes = [
        Outcome(item=ITEMS["france"], status="failed", type="ValueError", message="bad \x01row\nof data"),
        Outcome(item=ITEMS["peru"], status="timeout"),
        done(ITEMS["mali"]),
    ]
    document = render_overview(outcomes)
    failures = [[cell.text for cell in row.cells] for row in document.tables[-1].rows]
    assert failures[1:] == [
        ["France", "failed", "ValueError: bad \ufffdrow of data"],
        ["Peru", "timeout", "given up after the time allowed"],
    ]
    assert "1 of 3 briefs" in text_of(document)
    assert "France (failed)" in text_of(document)


def test_overview_of_nothing_is_still_a_document() -> None:
    assert "0 briefs" in text_of(render_overview([]))


def test_figures_are_put_into_words() -> None:
    assert [rough(33_701), rough(64_800_000)] == ["33,701", "64.8 million"]
    assert [density(each) for each in (0.0001, 0.53, 8.31, 1234.5)] == ["< 0.01", "0.53", "8.3", "1,234"]
    assert [percent(0.04), percent(12.34)] == ["< 0.1 %", "12.3 %"]
    assert [count(1, "city", "cities"), count(2, "city", "cities")] == ["1 city", "2 cities"]
    assert [series(["a"]), series(["a", "b", "c"])] == ["a", "a, b and c"]
    assert place(-33.87, 151.21) == "33.87° S, 151.21° E"
    assert printable("x" * 500, most=10) == "xxxxxxxxx…"


def test_share_of_an_unknown_population_is_unknown() -> None:
    empty = Country(id="x", name="X", iso="XX", iso3="XXX", continent="Asia", population=0, area_km2=0)
    assert (empty.share(City("Y", 5)), empty.density) == (0, 0)
