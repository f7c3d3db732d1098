"""The sample job's data: what GeoNames knows of each country, as values.

`countries.json` is derived by `tools/derive_geonames.py`.
"""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import msgspec

DATA = Path(__file__).with_name("countries.json")

# What the documents say of their date is the data's: the same data gives the same bytes on any day.
DATA_DATE = dt.datetime(2025, 9, 26, tzinfo=dt.UTC)
CREDIT = "Data: GeoNames, CC BY 4.0"
SOURCE = (
    "Data: GeoNames (geonames.org), licensed under the Creative Commons Attribution 4.0 International "
    "licence (CC BY 4.0, creativecommons.org/licenses/by/4.0); cut down and arranged for this brief."
)


class City(msgspec.Struct, frozen=True, array_like=True):
    """A populated place; `own_name` is its name in the script of its country, if known."""

    name: str
    population: int
    own_name: str = ""


class Country(msgspec.Struct, frozen=True, kw_only=True):
    """A country or territory; what GeoNames does not know is empty.

    `dissolved` is the year in which it ceased to be, or 0.
    """

    id: str
    name: str
    iso: str
    iso3: str
    continent: str
    population: int
    area_km2: int
    number: int = 0
    dissolved: int = 0
    capital: str = ""
    capital_own: str = ""
    capital_at: tuple[float, ...] = ()
    time_zone: str = ""
    currency: str = ""
    currency_name: str = ""
    calling_code: str = ""
    domain: str = ""
    languages: tuple[str, ...] = ()
    neighbours: tuple[str, ...] = ()
    script: str = ""
    cities: tuple[City, ...] = ()

    @property
    def density(self) -> float:
        """Inhabitants a square kilometre; 0 where either figure is missing."""
        return self.population / self.area_km2 if self.area_km2 else 0.0

    def share(self, city: City) -> float:
        """Return the city's part of the population in per cent; 0 where the population is unknown.

        More than 100 is possible: the two counts may be years apart.
        """
        return 100 * city.population / self.population if self.population else 0.0


def read_entries() -> list[dict[str, Any]]:
    """Return the data file's countries as JSON values, by name."""
    entries: list[dict[str, Any]] = json.loads(DATA.read_text(encoding="utf-8"))["countries"]
    return entries


def country_of(data: Any) -> Country:
    """Return an item's data as a Country. Raises msgspec.ValidationError when it is not one."""
    return msgspec.convert(data, Country)
