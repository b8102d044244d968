"""What is written to standard error by its descriptor is caught, attributed, and the rest passed on."""

import os
import sys

from utils.native_messages import native_messages


def native(text):
    os.write(2, text.encode())


def test_words_are_known_by_when_they_came_and_are_not_passed_on(capfd):
    with native_messages() as messages:
        native("before\n")
        mark = messages.size
        native("Corrupt 사진\n")
        assert messages.since(mark) == "Corrupt 사진\n"
        assert messages.since(messages.size) == ""
    assert capfd.readouterr().err == "before\n"


def test_the_terminal_is_reached_meanwhile_and_afterwards(capfd):
    with native_messages() as messages:
        print("a bar", file=messages.terminal, flush=True)
        assert capfd.readouterr().err == "a bar\n"
        print("python's own", file=sys.__stderr__, flush=True)
    native("afterwards\n")
    assert capfd.readouterr().err == "python's own\nafterwards\n"


def test_an_error_inside_gives_standard_error_back(capfd):
    try:
        with native_messages():
            native("why\n")
            raise KeyError("ours")
    except KeyError:
        pass
    native("back\n")
    assert capfd.readouterr().err == "why\nback\n"


def test_captures_may_be_nested(capfd):
    with native_messages() as outer:
        with native_messages() as inner:
            native("inner\n")
            assert inner.since(0) == "inner\n"
        native("outer\n")
        assert outer.since(0) == "outer\n"
    assert capfd.readouterr().err == ""
