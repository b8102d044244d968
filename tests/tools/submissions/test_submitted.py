"""From a prediction to the ledger and back: what is listed, warned of, filled in and shown."""

import csv
import re
import shlex
import shutil

import pytest

from run import main
from tests.experiment.finished import seal
from tests.experiment.smallest import SMALL_RUN
from tests.people import lay_out_people
from tools.submissions.ledger import Ledger
from utils.durable import sha256_of


def podium(work, *arguments):
    return main(["--config", str(work / "config.ini"), *arguments])


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with data, a config and three runs that differ."""
    work = tmp_path_factory.mktemp("submitted")
    lay_out_people(work / "data", people=150, eval_people=60)
    (work / "data" / "DRAWN_DEMO_DATA.txt").unlink()  # or it would not be listed
    (work / "config.ini").write_text(SMALL_RUN.format(data=work / "data", work=work), encoding="utf-8")
    for epochs, rate in ((1, "0.01"), (2, "0.01"), (3, "0.02")):
        assert podium(work, "--set", f"train.epochs={epochs}", "--set", f"optimizer.lr={rate}") == 0
    return work


@pytest.fixture
def said(work, caplog):
    """Return a function that runs a command and returns what it prints."""

    def said(*arguments):
        caplog.set_level("INFO", logger="podium")
        caplog.clear()
        assert podium(work, *arguments) == 0
        return "\n".join(caplog.messages)

    return said


def refusal(work, capsys, *arguments, code=2):
    assert podium(work, *arguments) == code
    message = capsys.readouterr().err
    assert "Traceback" not in message
    return message


def submission(work, run="001"):
    return work / "runs" / "test" / run / "submission.csv"


def rows_of(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def write(path, rows):
    with open(path, "w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
    return path


def entries(work):
    return Ledger.beside(work / "runs").entries()


def printed_command(printed):
    return shlex.split(printed.partition("With its public score: python run.py ")[2].partition("\n")[0])


def test_the_command_for_the_public_score_works_as_printed_wherever_the_run_lies(work, said, monkeypatch):
    elsewhere = work / "elsewhere of it"
    elsewhere.mkdir()
    for place, run in ((elsewhere, "001"), (work, "002")):
        monkeypatch.chdir(place)
        command = printed_command(said("--mode", "infer", "--run", str(work / "runs" / "test" / run)))
        assert ("--set" in command) == (place == elsewhere)
        assert main([word.replace("SCORE", "0.5") for word in command]) == 0
        assert entries(work)[-1].public == 0.5


def test_a_prediction_is_listed_once_with_what_is_known_of_its_run(work, said):
    printed = said("--mode", "infer", "--run", "001")
    (entry,) = entries(work)
    assert entry.file == "runs/test/001/submission.csv"
    assert entry.runs == "runs/test/001"
    assert entry.sha256 == sha256_of(submission(work))
    assert entry.rows == 420
    assert entry.score == "validation macro_f1"
    assert entry.low <= entry.own <= entry.high
    assert re.fullmatch(r"[0-9a-f]{12}", entry.commit)
    assert f"--mode submitted {entry.short} --public SCORE" in printed
    assert "/runs/test/001 said of its validation images (210 images of 30 people)" in printed
    before = (work / "submissions.csv").read_bytes()
    assert f"lists this very file already, as {entry.short}" in said("--mode", "infer", "--run", "001")
    assert (work / "submissions.csv").read_bytes() == before


def test_the_next_one_is_held_against_the_previous_one(work, said):
    said("--mode", "infer", "--run", "001")
    printed = said("--mode", "infer", "--run", "002")
    first, second = entries(work)
    pairs = zip(rows_of(submission(work))[1:], rows_of(submission(work, "002"))[1:], strict=True)
    share = sum(a != b for a, b in pairs) / 420
    assert f"Previous submission: {first.short} of {first.when}" in printed
    assert f"{share:.1%} of the rows have another answer there".replace("%", " %") in printed
    assert "Most shifted since then: " in printed
    # the file of the previous one is another one by now
    write(submission(work, "002"), rows_of(submission(work, "002"))[:-1])
    write(submission(work), rows_of(submission(work))[:-1])
    assert "their files have changed since, or are gone" in said("--mode", "infer", "--run", "003")
    assert entries(work)[1] == second


def test_an_exchanged_class_is_a_warning_that_names_it(work, said, caplog):
    said("--mode", "infer", "--run", "001")
    rows = rows_of(submission(work))
    often = max({row[1] for row in rows[1:]}, key=[row[1] for row in rows[1:]].count)
    rare = "8" if often != "8" else "9"
    made = write(
        work / "made.csv", [rows[0], *([name, rare if ans == often else ans] for name, ans in rows[1:])]
    )
    printed = said("--mode", "check", str(made))
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert any(text.startswith("DRIFT in ans: samples of 30 and about 60 people") for text in warnings)
    assert any(text.startswith("DRIFT in ans since the previous submission") for text in warnings)
    assert re.search(rf"^{often} .*-\d+\.\d+%", printed, re.MULTILINE)
    assert re.search(rf"^{rare} .*\+\d+\.\d+%", printed, re.MULTILINE)
    assert entries(work)[0].file == "runs/test/001/submission.csv"
    assert len(entries(work)) == 1  # a check lists nothing


def test_a_file_made_by_hand_is_checked_before_it_is_listed(work, said, capsys):
    said("--mode", "infer", "--run", "001")
    rows = rows_of(submission(work))
    wrong = write(work / "wrong.csv", [["", *rows[0]], *([i, *row] for i, row in enumerate(rows[1:-1]))])
    for mode in (["check", str(wrong)], ["submitted", str(wrong), "--public", "0.5"]):
        message = refusal(work, capsys, "--mode", *mode, code=3)
        assert "write it with index=False" in message
        assert "419 rows where the template has 420" in message
    assert len(entries(work)) == 1
    made = write(work / "made.csv", [rows[0], [rows[1][0], "17" if rows[1][1] != "17" else "16"], *rows[2:]])
    printed = said("--mode", "submitted", str(made), "--public", "0.5", "--note", "한 줄 고침")
    assert "was not listed: added as" in printed
    assert "0.2 % of the rows have another answer" in printed
    added = entries(work)[1]
    assert (added.file, added.runs, added.own, added.score) == ("made.csv", "", None, "")
    assert (added.public, added.note, added.rows) == (0.5, "한 줄 고침", 420)


def test_a_public_score_is_filled_in_by_path_or_hash_and_a_second_one_replaces_it(work, said):
    said("--mode", "infer", "--run", "001")
    (entry,) = entries(work)
    printed = said("--mode", "submitted", str(submission(work)), "--public", "0.7428")
    assert f"{entry.short}: public 0.7428" in printed.splitlines()
    assert "0 submission(s) have both" not in printed
    printed = said("--mode", "submitted", entry.sha256[:6], "--public", "0.75", "--private", "0.73")
    assert f"{entry.short}: public 0.75, which replaces 0.7428" in printed
    assert f"{entry.short}: private 0.73" in printed.splitlines()
    (after,) = entries(work)
    assert (after.public, after.private, after.own) == (0.75, 0.73, entry.own)


def test_a_run_predicted_before_there_was_a_ledger_is_listed_with_its_run(work, said):
    said("--mode", "infer", "--run", "001")
    (before,) = entries(work)
    (work / "submissions.csv").unlink()
    printed = said("--mode", "submitted", str(submission(work)), "--public", "0.7")
    assert "was not listed: added" in printed
    assert f"There was no {work / 'submissions.csv'} yet: it is made anew." in printed
    (after,) = entries(work)
    assert (after.runs, after.own, after.commit) == (before.runs, before.own, before.commit)


def test_a_file_in_the_folder_of_a_run_that_is_not_finished_is_held_against_no_run(work, said):
    """There are other runs that are finished, but it is of none of them."""
    said("--mode", "infer", "--run", "001")
    (submission(work).parent / "scores.json").unlink()
    (work / "submissions.csv").unlink()
    printed = said("--mode", "check", str(submission(work)))
    assert "a run that is not finished: it has no scores.json. So the file is held against no run" in printed
    assert "held against what" not in printed
    printed = said("--mode", "submitted", str(submission(work)), "--public", "0.7")
    assert "in that of a run that is not finished, so its own score is not known" in printed
    (entry,) = entries(work)
    assert (entry.runs, entry.own) == ("", None)


def test_validated_predictions_that_are_gone_are_missed(work, said):
    said("--mode", "infer", "--run", "001")
    validated = submission(work).with_name("valid_predictions.csv")
    validated.unlink()
    for mode in (["check", str(submission(work))], ["infer", "--run", "001"]):
        printed = said("--mode", *mode)
        assert f"can't be held against what was validated: There is no file {validated}" in printed


def test_a_score_out_of_fold_is_listed_as_that_when_the_predictions_are_gone(work, said):
    run = submission(work).parent
    (run / "valid_predictions.csv").rename(run / "out_of_fold.csv")
    seal(run / "out_of_fold.csv")
    (run / "out_of_fold.csv").unlink()
    assert f"There is no file {run / 'out_of_fold.csv'}" in said("--mode", "infer", "--run", "001")
    assert entries(work)[0].score == "out-of-fold macro_f1"


def test_three_pairs_give_a_correlation_and_fewer_say_so(work, said):
    for number, (run, public) in enumerate((("001", 0.3), ("002", 0.5), ("003", 0.4))):
        assert "a correlation takes 3" in said("--mode", "infer", "--run", run) + said(
            "--mode", "submissions"
        )
        printed = said("--mode", "submitted", str(submission(work, run)), "--public", str(public))
        assert (f"{number + 1} submission(s) have both; a correlation takes 3" in printed) == (number < 2)
    assert "Pearson" in printed
    listed = entries(work)
    gap = sum(entry.own - entry.public for entry in listed) / 3
    assert f"mean gap (own - public) {gap:+.4f}" in printed
    assert re.search(r"Pearson [+-]\d\.\d{3}, Spearman [+-]\d\.\d{3}", printed)
    by_own, by_public = max(listed, key=lambda e: e.own), max(listed, key=lambda e: e.public)
    lines = said("--mode", "submissions").splitlines()
    table = [line for line in lines if re.match(r"[0-9a-f]{8}  ", line)]
    assert [line.split()[0] for line in table] == [entry.short for entry in listed]  # newest last
    for line, entry in zip(table, listed, strict=True):
        assert ("own" in line.split("runs/")[0].split("420")[-1]) == (entry is by_own)
        assert ("public" in line.split("runs/")[0].split("420")[-1]) == (entry is by_public)
    assert any(by_public.short in line and ("pick" in line) for line in lines)


def test_a_damaged_ledger_stops_nothing_but_the_listing(work, said, capsys):
    said("--mode", "infer", "--run", "001")
    path = work / "submissions.csv"
    path.write_text(path.read_text(encoding="utf-8").replace(",", ";"), encoding="utf-8")
    damaged = path.read_bytes()
    for mode in (["infer", "--run", "002"], ["submissions"], ["submitted", "abcd", "--public", "0.5"]):
        assert "save it as 'CSV UTF-8'" in refusal(work, capsys, "--mode", *mode, code=3)
    assert path.read_bytes() == damaged
    assert submission(work, "002").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["submitted", "abcd"], ["nothing to write: give --public SCORE"]),
        (["submitted", "--public", "0.5"], ["no FILE"]),
        (["submitted", "--public", "high", "--private", "nan"], ["--public high", "--private nan", "FILE"]),
        (["submitted", "abcd", "--public", "0.5"], ["'abcd' is neither a file", "lists no submission yet"]),
        (["check"], ["--mode check takes a file"]),
        (["submitted", "abcd", "--pubic", "0.5"], ["Did you mean --public?"]),
        (["submissions", "abcd"], ["--mode submissions does not take: abcd"]),
    ],
)  # fmt: skip
def test_mistakes_of_the_command_line_are_one_message(work, capsys, arguments, words):
    message = refusal(work, capsys, "--mode", *arguments)
    for word in words:
        assert word in message


def test_an_empty_ledger_says_how_to_begin(said):
    assert "has no submission yet: python run.py --mode infer" in said("--mode", "submissions")


def test_demo_data_is_not_listed(work, said, tmp_path):
    shutil.copytree(work / "runs", tmp_path / "demo" / "runs")
    lay_out_people(tmp_path / "demo" / "data", people=40)
    printed = said(
        "--mode", "infer", "--run", "001",
        "--set", f"paths.data={tmp_path}/demo/data", "--set", f"paths.runs={tmp_path}/demo/runs",
    )  # fmt: skip
    assert "Of drawn demo data, so it is not listed" in printed
    assert not (tmp_path / "demo" / "submissions.csv").exists()
