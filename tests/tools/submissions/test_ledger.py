"""The ledger keeps what was written to it, and never writes over what it can't read."""

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.forks import python_process
from tools.submissions.entry import COLUMNS, Entry, now
from tools.submissions.ledger import Ledger
from utils.errors import ConfigError, DataError, WriteFailed

ROOT = Path(__file__).parents[3]
HASHES = [f"{number:08x}" * 8 for number in (0xAB12, 0xAB34, 0xCD56)]


def entry(number=0, **values):
    known = {
        "when": f"2026-11-25T15:43:0{number}Z",
        "file": f"runs/a/00{number}/submission.csv",
        "sha256": HASHES[number],
        "rows": 6300,
        "own": 0.5,
        "low": 0.45,
        "high": 0.55,
        "score": "out-of-fold macro_f1",
    }
    return Entry(**known | values)


@pytest.fixture
def ledger(tmp_path):
    return Ledger.beside(tmp_path / "runs")


def text(ledger):
    return ledger.path.read_text(encoding="utf-8")


def test_it_lies_beside_the_runs_and_is_empty_at_first(ledger, tmp_path):
    assert ledger.path == tmp_path / "submissions.csv"
    assert ledger.entries() == []
    assert ledger.where(tmp_path / "runs" / "a.csv") == "runs/a.csv"
    assert ledger.where(Path("/elsewhere/a.csv")) == "/elsewhere/a.csv"


def test_each_submission_is_one_line_after_those_that_were_there(ledger):
    assert ledger.add(entry(0, note="첫 제출,\n'쉼표'와 \"따옴표\""))
    before = text(ledger)
    assert before.splitlines()[0] == ",".join(COLUMNS)
    assert ledger.add(entry(1))
    assert text(ledger).startswith(before)
    assert len(text(ledger).splitlines()) == 3
    assert ledger.entries() == [entry(0, note="첫 제출, '쉼표'와 \"따옴표\""), entry(1)]


def test_a_file_that_is_there_is_not_listed_twice(ledger):
    ledger.add(entry(0))
    before = text(ledger)
    assert not ledger.add(entry(0, when=now(), file="a/copy.csv"))
    assert text(ledger) == before


def test_public_scores_are_filled_in_and_replaced_and_the_rest_stays(ledger):
    ledger.add(entry(0))
    ledger.add(entry(1))
    before, after = ledger.fill(HASHES[0], public=0.7428, note=" 좋은 \n 모델 ")
    assert (before.public, after.public, after.note) == (None, 0.7428, "좋은 모델")
    before, after = ledger.fill(HASHES[0], public=0.75, private=0.7, note=None)
    assert (before.public, after.public, after.private, after.note) == (0.7428, 0.75, 0.7, "좋은 모델")
    assert ledger.entries() == [after, entry(1)]
    with pytest.raises(ConfigError, match="no submission with the hash 0000cd56"):
        ledger.fill(HASHES[2], public=1.0)


def test_a_submission_is_named_by_the_beginning_of_its_hash(ledger):
    for number in range(3):
        ledger.add(entry(number))
    assert ledger.named("0000cD") == entry(2)
    assert ledger.named(HASHES[1]) == entry(1)
    with pytest.raises(
        ConfigError, match=r"more than one submission of .*:\n  0000ab12 .*\n  0000ab34 .*001/subm"
    ):
        ledger.named("0000ab")
    with pytest.raises(ConfigError, match=r"fits no submission of .*:\n  0000ab12 "):
        ledger.named("runs/typo.csv")
    ledger.path.unlink()
    ledger.add(entry(0))
    with pytest.raises(ConfigError, match="too short: write 4 characters of a hash or more"):
        ledger.named("000")


def test_entries_are_shown_by_time_whatever_order_a_merge_left(ledger):
    ledger.add(entry(1))
    ledger.add(entry(0))
    assert ledger.entries() == [entry(0), entry(1)]


def test_a_bom_and_line_ends_of_windows_are_no_damage(ledger):
    ledger.add(entry(0, note="한글"))
    ledger.path.write_bytes(b"\xef\xbb\xbf" + text(ledger).replace("\n", "\r\n").encode())
    assert ledger.entries() == [entry(0, note="한글")]
    ledger.add(entry(1))
    assert ledger.entries() == [entry(0, note="한글"), entry(1)]


DAMAGE = {
    "semicolons of a spreadsheet": (lambda t: t.replace(",", ";"), "without commas: save it as 'CSV UTF-8'"),
    "tabs": (lambda t: t.replace(",", "\t"), "without commas"),
    "a decimal comma": (lambda t: t.replace(",0.5,", ',"0,5",'), "own = '0,5' is not a number: write 0[.]5"),
    "words for a number": (lambda t: t.replace(",0.55,", ",high,"), "line 2: high = 'high' is not a number"),
    "nan": (lambda t: t.replace(",0.55,", ",nan,"), "high = 'nan' is not a finite number"),
    "a time of Excel": (lambda t: t.replace("2026-11-25T15:43:00Z", "11/25/26"), "is not a time such"),
    "a time without its zone": (lambda t: t.replace("15:43:00Z", "15:43:00"), "is not a time such"),
    "a shortened hash": (lambda t: t.replace(HASHES[0], "1.2E+63"), "sha256 = '1.2E.63' is not a hash"),
    "rows with a point": (lambda t: t.replace("6300", "6300.0"), "rows = '6300.0' is not a count"),
    "a bit of the end": (lambda t: t[:-1] + "\x1a", "line 3: template = .* is not a template's digest"),
    "a bit of a path": (lambda t: t.replace("/submission", "\x0fsubmission"), "holds .*which nobody"),
    "a value lost": (lambda t: t.replace(",6300", ""), "line 2: 14 values for 15 columns"),
    "a column renamed": (lambda t: t.replace("public", "Public LB"), "no column 'public'"),
    "a column added": (lambda t: t.replace("\n", ",x\n"), "column 'x' is not its own"),
    "a conflict of git": (lambda t: t + "<<<<<<< HEAD\n", "conflict of git: keep the lines of both sides"),
    "another encoding": (lambda t: t.replace("제출", "제출").encode("cp949"), "not UTF-8"),
    "two public scores for one file": (
        lambda t: t + t.splitlines()[1].replace(",0.7,", ",0.8,") + "\n",
        r"line 2 and submissions.csv line 4 give one file two public scores: 0.7 and 0.8",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", DAMAGE)
def test_a_damaged_ledger_is_named_with_its_lines_and_stays_as_it_is(ledger, what):
    damage, words = DAMAGE[what]
    ledger.add(entry(0, public=0.7, note="제출"))
    ledger.add(entry(1))
    damaged = damage(text(ledger))
    damaged = damaged if isinstance(damaged, bytes) else damaged.encode()
    assert damaged != text(ledger).encode()
    ledger.path.write_bytes(damaged)
    for change in (
        ledger.entries,
        lambda: ledger.add(entry(2)),
        lambda: ledger.fill(HASHES[0], public=0.9),
    ):
        with pytest.raises(DataError, match=words) as refused:
            change()
        assert "It was not changed. Mend these lines, or take the file back from git." in str(refused.value)
    assert ledger.path.read_bytes() == damaged


def test_a_ledger_that_is_not_there_is_made_anew_which_is_said_once(ledger, caplog):
    caplog.set_level("INFO", logger="podium")
    ledger.add(entry(0))
    assert caplog.messages == [f"\nThere was no {ledger.path} yet: it is made anew."]
    ledger.add(entry(1))
    assert len(caplog.messages) == 1
    ledger.path.unlink()
    ledger.add(entry(1))
    assert len(caplog.messages) == 2


def test_a_note_may_have_tabs_and_lines_of_a_spreadsheet(ledger):
    ledger.add(entry(0, note="NOTE"))
    ledger.path.write_text(text(ledger).replace("NOTE", '"a\tb\n제출"'), encoding="utf-8")
    assert ledger.entries() == [entry(0, note="a\tb\n제출")]


def test_all_damaged_lines_are_named_at_once(ledger):
    ledger.add(entry(0))
    ledger.add(entry(1))
    ledger.path.write_text(text(ledger).replace("6300", "many").replace(",0.45,", ",low,"), encoding="utf-8")
    with pytest.raises(DataError, match="has 4 problem") as refused:
        ledger.entries()
    for place in ("line 2: rows", "line 2: low", "line 3: rows", "line 3: low"):
        assert place in str(refused.value)


def test_lines_of_two_branches_are_all_kept_when_git_merges_them(ledger, tmp_path):
    def git(*arguments):
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)

    (tmp_path / ".gitattributes").write_bytes((ROOT / ".gitattributes").read_bytes())
    ledger.add(entry(0))
    git("init", "-b", "main")
    git("add", "-A")
    git("commit", "-m", "first")
    git("checkout", "-b", "other")
    ledger.add(entry(1))
    git("commit", "-am", "another submission")
    git("checkout", "main")
    ledger.fill(HASHES[0], public=0.7)
    ledger.add(entry(2))
    git("commit", "-am", "a public score, and another submission")
    git("merge", "other", "-m", "both")
    assert ledger.entries() == [entry(0, public=0.7), entry(1), entry(2)]
    ledger.fill(HASHES[1], public=0.6)
    assert text(ledger).count(HASHES[0]) == 1


ADD = """
import sys
from pathlib import Path
from tools.submissions.ledger import Ledger
from tools.submissions.entry import Entry, now
for number in range(10):
    name = f"{sys.argv[2]}{number:x}"
    Ledger(Path(sys.argv[1])).add(Entry(when=now(), file=name, sha256=(name * 32)[:64], rows=1))
"""


def test_processes_that_add_at_once_lose_nothing(ledger, tmp_path):
    writers = [python_process(tmp_path, "-c", ADD, str(ledger.path), name) for name in "abc"]
    said = [writer.communicate() for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0, 0], said
    assert sorted(entry.file for entry in ledger.entries()) == [f"{a}{b}" for a in "abc" for b in range(10)]


def test_a_write_that_fails_leaves_the_ledger_of_before(ledger, monkeypatch):
    ledger.add(entry(0))
    before = text(ledger)

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("utils.durable.os.fsync", full)
    with pytest.raises(WriteFailed, match=r"submissions\.csv can't be written: No space"):
        ledger.add(entry(1))
    assert text(ledger) == before


def test_numbers_come_back_as_they_were_given(ledger):
    one = replace(entry(0), own=0.123456789, public=0.7428, low=0.1, high=1.0)
    ledger.add(one)
    assert ledger.entries() == [one]
    assert ",0.7428," in text(ledger)


def rows_of(*ids, column="ans"):
    return [{"ImageID": name, column: "0"} for name in ids]


@pytest.fixture
def two(ledger, tmp_path):
    """A ledger with a submission to each of two competitions, of equal bytes, and one more to the first."""
    for name in ("cats", "dogs"):
        (tmp_path / name).mkdir()
    cats = ledger.competition(tmp_path / "cats", rows_of("1", "2"))
    dogs = ledger.competition(tmp_path / "dogs", rows_of("1", "2", column="label"))
    for number, competition in ((0, cats), (0, dogs), (1, cats)):
        assert ledger.add(entry(number, data=competition.data, template=competition.template))
    return cats, dogs


def test_two_competitions_are_kept_apart(ledger, two):
    cats, dogs = two
    assert [[e.competition for e in of] for of in ledger.by_competition()] == [[cats, cats], [dogs]]
    assert not ledger.add(entry(0, data=dogs.data, template=dogs.template))  # a double of its own competition
    ledger.fill(HASHES[0], dogs, public=0.9)
    assert [e.public for e in ledger.entries() if e.competition == dogs] == [0.9]
    assert [e.public for e in ledger.entries() if e.competition == cats] == [None, None]


def test_a_hash_that_two_competitions_have_means_that_of_the_data_at_hand(ledger, two, tmp_path):
    with pytest.raises(ConfigError, match="more than one submission"):
        ledger.named(HASHES[0])
    assert ledger.named(HASHES[0], tmp_path / "dogs").competition == two[1]


def test_the_same_template_of_other_data_is_another_competition_but_not_on_another_machine(ledger, tmp_path):
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    first, second, elsewhere = (
        ledger.competition(tmp_path / name, rows_of("1", "2")) for name in ("first", "second", "gone")
    )
    assert not ledger.alike(first, second)
    assert ledger.alike(first, elsewhere)  # a teammate's name of the folder
    assert not ledger.alike(first, ledger.competition(tmp_path / "first", rows_of("1")))


def test_a_file_of_old_is_read_and_keeps_its_lines(ledger, tmp_path):
    old = [name for name in COLUMNS if name not in ("data", "template")]
    cells = ["2026-11-25T15:43:00Z", "a.csv", HASHES[0], "", "", "", "", "", "", "3", "0.5", "", ""]
    ledger.path.write_text(f"{','.join(old)}\n{','.join(cells)}\n", encoding="utf-8")
    (known,) = ledger.entries()
    assert (known.public, known.data, known.template) == (0.5, "", "")
    (tmp_path / "cats").mkdir()
    cats = ledger.competition(tmp_path / "cats", rows_of("1", "2"))
    assert ledger.add(entry(1, data=cats.data, template=cats.template))
    assert [len(of) for of in ledger.by_competition()] == [2]  # there is only one that it can be of
    dogs = ledger.competition(tmp_path / "cats", rows_of("3"))
    assert ledger.add(entry(2, data=dogs.data, template=dogs.template))
    assert [len(of) for of in ledger.by_competition()] == [1, 1, 1]
    assert not ledger.add(entry(0, data=cats.data, template=cats.template))


def test_a_folder_in_its_place_is_refused_by_its_name(ledger):
    ledger.path.mkdir()
    with pytest.raises(
        DataError, match=r"submissions\.csv can't be read: Is a directory\.\nMove what is there"
    ):
        ledger.entries()
