"""`report.html` in real Chromium: hostile text is text, and the page works by keyboard."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

import parbatch
from parbatch.reports.html import report as html
from tests.reports.browser import needs_browser, opened
from tests.reports.making import made_of

pytestmark = needs_browser

JOBS = Path(__file__).parent.parent / "jobs"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    with opened(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("hostile") / "out"
    parbatch.run(JOBS / "markup.py", out=out, backend="inline", progress="none")
    return out


def show(browser: Chrome, page: Path) -> None:
    browser.get(page.as_uri())
    WebDriverWait(browser, 20).until(lambda b: b.find_element(By.ID, "table").is_displayed())


def seen(browser: Chrome, selector: str) -> list[str]:
    texts: list[str] = browser.execute_script(
        "return [...document.querySelectorAll(arguments[0])].map((element) => element.textContent)", selector
    )
    return texts


def rows(browser: Chrome) -> list[str]:
    return seen(browser, "#body tr td:first-child bdi:first-child")


def complaints(browser: Chrome) -> list[Any]:
    """Errors of scripts, and what the page's policy had to forbid."""
    return browser.get_log("browser")  # type: ignore[no-any-return,no-untyped-call]


def test_hostile_names_and_messages_are_shown_as_text(browser: Chrome, hostile: Path) -> None:
    show(browser, hostile / "report.html")
    assert complaints(browser) == []
    assert browser.title == "hostile: 12 of 24 ok"
    assert len(browser.find_elements(By.TAG_NAME, "script")) == 3
    assert browser.find_elements(By.TAG_NAME, "img") == []
    names = rows(browser)
    for shown in (
        "<script>document.title='taken'</script> by name again",
        "</script><script>document.title='taken'</script> by name",
        "abc\\u202egnp.exe\\u2066\\u200f by name",
        "nul\\x00 bell\\x07 red  \\x9b31m by name",
        "line\\u2028separator\\u2029s \\ufeff \\ufffe by name",
        "&lt;b&gt; &amp; ]]> <!-- <![CDATA[ ${x} $x {{x}} %3Cscript%3E by name",
    ):
        assert shown in names
        assert shown.removesuffix(" again") + " again" in "\n".join(seen(browser, "#failures bdi"))
    everything = "".join(seen(browser, "body"))
    assert not [
        c for c in everything if (ord(c) < 32 and c not in "\n\t") or 127 <= ord(c) < 160 or c in "\u202e\u2066"
    ]


def test_every_link_of_hostile_items_leads_to_its_own_file(browser: Chrome, hostile: Path) -> None:
    show(browser, hostile / "report.html")
    links = browser.execute_script(
        "return [...document.querySelectorAll('#body a, #failures a')].map((a) => [a.getAttribute('href'), a.href])"
    )
    assert len(links) == 12 + 24 + 12 + 24  # outputs, stdout, stderr of failures, and both beside the causes
    base = f"{hostile.as_uri()}/"
    for written, resolved in links:
        assert written.startswith(("items/", "run/logs/"))
        assert resolved.startswith(base)
        browser.get(resolved)
        assert "ERR_" not in browser.page_source
        assert browser.title != "taken"


def test_the_table_is_searched_and_sorted_by_keyboard(browser: Chrome, tmp_path: Path) -> None:
    with made_of(tmp_path, {f"item-{n}": "failed" if n % 100 == 7 else "ok" for n in range(250)}) as material:
        with (tmp_path / "report.html").open("wb") as file:
            html.write(material, file)
        show(browser, tmp_path / "report.html")
    assert rows(browser)[:4] == ["item-7", "item-107", "item-207", "item-0"]

    search = browser.find_element(By.ID, "search")
    search.send_keys("M-24")
    WebDriverWait(browser, 5).until(lambda _: len(rows(browser)) == 11)
    search.send_keys(Keys.TAB, Keys.TAB, Keys.TAB)  # past the status and the table's frame, to the first heading
    heading = browser.switch_to.active_element
    assert heading.text == "Item"
    heading.send_keys(Keys.ENTER)
    heading.send_keys(Keys.ENTER)
    assert rows(browser)[:2] == ["item-249", "item-248"]
    assert browser.find_element(By.CSS_SELECTOR, "#head th").get_attribute("aria-sort") == "descending"

    search.clear()
    search.send_keys(" ")
    browser.find_element(By.ID, "next").send_keys(Keys.ENTER)
    assert browser.find_element(By.ID, "page").text == "Page 2 of 3"
    browser.find_element(By.ID, "status").send_keys("failed")
    WebDriverWait(browser, 5).until(lambda _: len(rows(browser)) == 3)
    assert complaints(browser) == []


def test_the_time_line_is_read_out_by_arrow_keys(browser: Chrome, tmp_path: Path) -> None:
    with made_of(tmp_path, dict.fromkeys(("a", "b", "c"), "ok") | {"d": "crashed"}) as material:
        with (tmp_path / "report.html").open("wb") as file:
            html.write(material, file)
        show(browser, tmp_path / "report.html")
    assert all(
        browser.find_element(By.CSS_SELECTOR, f"#{chart} canvas") for chart in ("workers", "durations", "memory")
    )
    browser.find_element(By.ID, "workers").send_keys(Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.ARROW_DOWN)
    WebDriverWait(browser, 5).until(lambda b: "Slot 3" in b.find_element(By.ID, "workers-readout").text)
    assert "one item, crashed" in browser.find_element(By.ID, "workers-readout").text
