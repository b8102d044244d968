"""What comes from files and tables is shown, never obeyed."""

import logging

import pytest

from utils.logs import log_to_terminal, logged_to
from utils.printable import legible, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("over\rwritten\x08", "over\\rwritten\\x08"),
        ("c1 \x9b31m", "c1 \\x9b31m"),
        ("cat\u202egpj.exe", "cat\\u202egpj.exe"),
        ("nul\0", "nul\\x00"),
        ("half \udcff", "half \\udcff"),
        ("two\nlines\tand 한글, é, 👩‍👧", "two\nlines\tand 한글, é, 👩‍👧"),
    ],
)
def test_what_a_terminal_would_obey_is_written_out(text, shown):
    assert printable(text) == shown


def test_neither_the_terminal_nor_log_txt_gets_a_code(tmp_path, capsys):
    log = logging.getLogger("podium")
    log_to_terminal()
    with logged_to(tmp_path / "log.txt"):
        log.warning("label %s", "\x1b[2Jcat\u202e")
    text = (tmp_path / "log.txt").read_text(encoding="utf-8")
    assert text.endswith("label \\x1b[2Jcat\\u202e\n")
    assert capsys.readouterr().out.endswith("label \\x1b[2Jcat\\u202e\n")


def test_a_word_without_end_is_shortened_in_a_message_and_a_path_is_not():
    path = "/data/" + "x" * 255 + "/" + "y" * 255
    message = legible(f"{path}: label {'a' * 200_000!r} is not one of b")
    assert message.startswith(f"{path}: label 'aaa")
    assert message.endswith("aaa' is not one of b")
    assert "...(200002 characters)..." in message
    assert len(message) < 800
