"""The page of all runs in a real browser: from a file, without a server."""

import shutil

import pytest

from run import main
from tests.tools.runs.made import made_run
from tests.tools.runs.test_runs import config  # noqa: F401

selenium = pytest.importorskip("selenium", reason="needs selenium: pip install -r requirements-dev.txt")
CHROME = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
EVIL = "<script>document.title='evil'</script>"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (CHROME and DRIVER), reason="no browser: apt-get install chromium chromium-driver"
    ),
]


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = CHROME
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1300,1600"):
        options.add_argument(argument)
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('browser')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def page(config, tmp_path, browser):  # noqa: F811
    """The open page of five runs, one of which was reviewed and one of which is damaged."""
    rates, runs = ("0.001", "0.01", "0.1"), tmp_path / "runs" / "a"
    for number, rate in enumerate(rates, start=1):
        made_run(runs / f"{number:03d}", score=0.4 + number / 10, optimizer__lr=rate)
    made_run(runs / "004", score=0.45, who=EVIL, model__width="8", optimizer__lr="0.05")
    made_run(runs / "005", score=None)
    made_run(runs / "006")
    (runs / "006" / "scores.json").write_text("{")
    (runs / "002" / "review").mkdir()
    (runs / "002" / "review" / "report.html").write_text("<title>report of 002</title>")
    path = tmp_path / "pages" / "all runs.html"
    path.parent.mkdir()
    assert main(["--config", str(config), "--mode", "runs", "--against", "a/001", "--out", str(path)]) == 0
    browser.get(path.as_uri())
    assert browser.find_element("css selector", "html").get_attribute("data-ready") == "yes"
    yield browser
    assert browser.title != "evil"
    assert browser.get_log("browser") == []  # nothing failed, nothing was refused by the policy


def texts(page, selector):
    return [element.text for element in page.find_elements("css selector", selector)]


def names(page):
    return texts(page, "tbody tr td:nth-child(2) a:first-child")


def test_the_table_is_sorted_by_any_column(page):
    assert names(page) == ["a/003", "a/002", "a/001", "a/004", "a/005"]
    page.find_element("css selector", "button[data-sort=run]").click()
    assert names(page) == ["a/001", "a/002", "a/003", "a/004", "a/005"]
    page.find_element("css selector", "button[data-sort=run]").click()
    assert names(page)[0] == "a/005"


def test_what_differs_from_the_base_and_whose_it_is_are_shown_as_text(page):
    rows = {row.split()[0]: row for row in texts(page, "tbody tr")}
    assert "optimizer.lr = 0.1" in rows["a/003"]
    assert EVIL in rows["a/004"]
    assert "model.width = 8" in rows["a/004"]
    assert page.find_element("css selector", "#damaged li").text.startswith("/")


def test_runs_are_found_by_words_and_drawn_or_not(page):
    assert len(page.find_elements("css selector", "#curves path")) == 4
    page.find_element("css selector", "#none").click()
    assert page.find_elements("css selector", "#curves path") == []
    page.find_element("css selector", "tbody input").click()
    assert len(page.find_elements("css selector", "#curves path")) == 1
    page.find_element("css selector", "#find").send_keys("0.1")
    assert names(page) == ["a/003"]


def test_a_brush_on_an_axis_keeps_the_runs_that_pass_there(page):
    from selenium.webdriver import ActionChains

    axes = page.find_elements("css selector", "#parallel .hit")
    assert [one.get_attribute("data-axis") for one in axes] == ["optimizer.lr", "model.width", "macro-F1"]
    height = axes[-1].size["height"]
    drag = ActionChains(page).move_to_element_with_offset(axes[-1], 0, -int(height * 0.48)).click_and_hold()
    drag.move_by_offset(0, int(height * 0.4)).release().perform()
    assert names(page) == ["a/003", "a/002"][: len(names(page))]
    assert "a/001" not in names(page)
    page.find_element("css selector", "#clear").click()
    assert len(names(page)) == 5


def test_a_reviewed_run_leads_to_its_report(page):
    reports = page.find_elements("css selector", "a.report")
    assert len(reports) == 1
    reports[0].click()
    assert page.title == "report of 002"
