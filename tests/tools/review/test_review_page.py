"""The sheet of suspected labels in a real browser: from a file, without a server."""

import csv
import shutil
import time

import pytest

from dataset.readers.split_by_profile_dataset import SplitByProfileDataset
from dataset.tasks.mask import MaskTask
from tests.experiment.finished import finished_run
from tests.tools.review.test_review import EVIL, config_of, few_draws, people, review, wrong_labels  # noqa: F401
from tests.waiting import wait_for

selenium = pytest.importorskip("selenium", reason="needs selenium: pip install -r requirements-dev.txt")
CHROME = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (CHROME and DRIVER), reason="no browser: apt-get install chromium chromium-driver"
    ),
]


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    from selenium import webdriver

    folder = tmp_path_factory.mktemp("browser")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROME
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1300,900"):
        options.add_argument(argument)
    options.add_argument(f"--user-data-dir={folder / 'profile'}")
    options.add_experimental_option("prefs", {"download.default_directory": str(folder / "saved")})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    (folder / "saved").mkdir()
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=DRIVER))
    driver.saved = folder / "saved"
    yield driver
    driver.quit()


@pytest.fixture
def page(mask_folder, tmp_path, browser):
    """The open page, and what is needed to read the data again."""
    folder, names = people(mask_folder)
    run = finished_run(config_of(tmp_path, folder.root), "001", wrong_labels())
    assert review(tmp_path / "config.ini") == 0
    browser.get((run / "review" / "review.html").as_uri())
    browser.execute_script("localStorage.clear()")
    for file in browser.saved.iterdir():
        file.unlink()
    browser.refresh()
    assert browser.find_element("css selector", "html").get_attribute("data-ready") == "yes"
    return Page(browser, folder, names)


class Page:
    """The sheet as a person uses it."""

    def __init__(self, browser, folder, names):
        self.browser, self.folder, self.names = browser, folder, names

    def find(self, selector):
        return self.browser.find_element("css selector", selector)

    def card(self, question, name):
        cards = self.browser.find_elements("css selector", "article")
        return next(
            c
            for c in cards
            if f" {question}: " in c.find_element("css selector", "h2").text and name in c.text
        )

    def press(self, card, kind):
        card.find_element("css selector", f"button.{kind}").click()

    def keys(self, text):
        self.find("body").send_keys(text)

    def marks(self):
        return [
            card.get_attribute("data-mark") for card in self.browser.find_elements("css selector", "article")
        ]

    def save(self):
        """Press the button; return the file that the browser saved."""
        self.find("#save").click()
        end = time.monotonic() + 20
        while time.monotonic() < end:
            found = [file for file in self.browser.saved.iterdir() if file.suffix == ".csv"]
            if found:
                return found[0]
            time.sleep(0.05)
        raise AssertionError(f"nothing was saved: {list(self.browser.saved.iterdir())}")

    def load(self, **options):
        return SplitByProfileDataset(root=self.folder.root, task=MaskTask(), seed=42, folds=2, **options)


def trained(data, profile, question):
    answers = MaskTask().answers(data.train_targets)[question]
    return [int(answers[row]) for row, group in enumerate(data.groups) if group == profile]


def test_marks_survive_a_reload_and_the_saved_file_changes_the_training_labels(page):
    page.press(page.card("gender", EVIL), "wrong")
    page.press(page.card("mask", "=cmd"), "wrong")
    page.press(page.card("gender", "김철수"), "right")
    number = page.card("age", "000001").find_element("css selector", "input[type=number]")
    number.send_keys("47")
    page.press(page.card("age", "000001"), "other")
    assert page.find("#count").text == "4 of 4: 3 wrong, 1 right, 0 unsure"
    before = page.marks()
    assert before == ["wrong", "other", "right", "wrong"]

    def there_again():  # a busy browser brings what a page keeps to where another one reads it a little later
        page.browser.refresh()
        return page.marks() == before

    assert wait_for(there_again, 20)
    assert page.find("#count").text == "4 of 4: 3 wrong, 1 right, 0 unsure"
    saved = page.save()
    old, new = page.load(), page.load(relabel=saved)
    evil, korean, swapped, first = (page.names[i] for i in (1, 2, 3, 0))
    assert (trained(old, evil, "gender"), trained(new, evil, "gender")) == ([1] * 7, [0] * 7)
    assert trained(new, korean, "gender") == [1] * 7
    assert trained(old, swapped, "mask") == [1, 0, 0, 0, 0, 0, 2]
    assert trained(new, swapped, "mask") == [2, 0, 0, 0, 0, 0, 1]
    assert (trained(old, first, "age"), trained(new, first, "age")) == ([0] * 7, [1] * 7)
    assert all(old.targets[space].equal(new.targets[space]) for space in old.targets)
    rows = list(csv.DictReader(saved.read_text(encoding="utf-8").splitlines()))
    assert [(row["field"], row["value"]) for row in rows] == [
        ("gender", "male"), ("age", "47"), ("incorrect_mask", "normal"), ("normal", "incorrect_mask"),
    ]  # fmt: skip


def test_an_injected_name_is_shown_as_text_and_runs_nothing(page):
    assert page.browser.title == "Review of labels"
    assert EVIL in page.card("gender", EVIL).text
    assert page.browser.find_elements("css selector", "img[src=x]") == []
    page.press(page.card("gender", EVIL), "wrong")
    page.find("summary").click()
    assert EVIL in page.find("#csv").get_attribute("value")
    assert page.browser.title == "Review of labels"
    assert page.browser.get_log("browser") == []  # nothing failed, nothing was refused by the policy


def test_the_policy_runs_no_other_script(page):
    page.browser.execute_script(
        "const script = document.createElement('script'); script.textContent = 'document.title = \"owned\"';"
        "document.body.append(script);"
        "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"document.title=1\">');"
    )
    time.sleep(0.3)
    assert page.browser.title == "Review of labels"
    refused = [entry["message"] for entry in page.browser.get_log("browser")]
    assert any("Content Security Policy" in message for message in refused)


def test_the_keyboard_is_enough(page):
    page.keys("w")  # which goes on to the next one
    page.keys("u")
    page.keys("jr")
    assert page.marks() == ["wrong", "unsure", "", "right"]
    page.keys("kkw")
    assert page.marks() == ["wrong", "wrong", "", "right"]
    page.keys("k")
    page.keys("w")  # once more takes a mark back
    assert page.marks()[1] == ""


def test_pictures_are_there_and_labels_can_be_filtered(page):
    script = "return [...document.querySelectorAll('img')].filter((img) => img.naturalWidth > 0).length"
    end = time.monotonic() + 10
    while page.browser.execute_script(script) < 28 and time.monotonic() < end:
        time.sleep(0.05)
    assert page.browser.execute_script(script) == 28
    from selenium.webdriver.support.select import Select

    Select(page.find("#question")).select_by_visible_text("gender (2)")
    shown = [card for card in page.browser.find_elements("css selector", "article") if card.is_displayed()]
    assert len(shown) == 2
    page.press(shown[0], "wrong")
    Select(page.find("#state")).select_by_visible_text("not yet marked")
    shown = [card for card in page.browser.find_elements("css selector", "article") if card.is_displayed()]
    assert len(shown) == 1


def test_a_browser_that_keeps_nothing_says_so_and_still_saves(page):
    made = page.browser.execute_cdp_cmd(
        "Page.addScriptToEvaluateOnNewDocument",
        {"source": "Object.defineProperty(window, 'localStorage', { get() { throw new Error('no'); } })"},
    )
    page.browser.refresh()
    page.browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", made)
    assert page.find("#lost").is_displayed()
    page.press(page.card("gender", EVIL), "wrong")
    assert trained(page.load(relabel=page.save()), page.names[1], "gender") == [0] * 7
    assert page.marks()[0] == "wrong"


def test_every_name_comes_back_from_the_saved_file_as_it_was(page):
    """Commas, quotes, formulas, apostrophes and line breaks, through the page's writer and our reader."""
    names = [
        "=1+1",
        "a,b",
        'say "hi"',
        "'=x",
        "''-y",
        "+82-10",
        "@home",
        "-1",
        "two\nlines",
        "김철수",
        "-",
        "x",
        "'",
    ]
    script = (
        "const rows = [sheet.columns, ...arguments[0].map((name) => [name, name, name, 'r'])];"
        "return rows.map((row) => row.map(cell).join(',')).join('\\n') + '\\n'"
    )
    text = page.browser.execute_script(script, names)
    from utils.tables import from_spreadsheet, read_table

    path = page.browser.saved / "names.csv"
    path.write_text(text, encoding="utf-8")
    rows = read_table(path, ("profile",)).rows
    assert [from_spreadsheet(row["profile"]) for row in rows] == names
    assert not any(line.startswith(("=", "@", "+8")) for line in text.splitlines())
