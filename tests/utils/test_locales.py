"""A locale that can't hold file names is named as the cause of what then goes wrong."""

import sys

import pytest

from experiment.command_line import in_words
from utils.errors import DataError
from utils.locales import unfit_locale

STRANGE = [
    "no row names 마스크",
    "no row names '\\udceb\\udca7'",
    "no row names '\\xeb\\xa7'",
    "no row names \udceb",
]


@pytest.mark.parametrize("message", STRANGE)
def test_names_that_the_locale_does_not_know_are_put_down_to_it(message, monkeypatch):
    assert unfit_locale(message) == ""  # in UTF-8 it is something else
    monkeypatch.setattr(sys, "getfilesystemencoding", lambda: "euc_kr")
    assert "are taken for euc_kr here (locale: " in unfit_locale(message)
    assert "set LC_ALL=C.UTF-8, or PYTHONUTF8=1." in in_words(DataError(message), [])[0]
    assert unfit_locale("there is no file a.csv") == ""


def test_a_name_that_the_locale_has_no_letters_for_is_an_error_of_the_data(monkeypatch):
    error = UnicodeEncodeError("ascii", "마스크.jpg", 0, 3, "ordinal not in range(128)")
    with pytest.raises(UnicodeEncodeError):
        in_words(error, [])
    monkeypatch.setattr(sys, "getfilesystemencoding", lambda: "ascii")
    said, code = in_words(error, [])
    assert code == 3
    assert said.startswith("'마스크.jpg' can't be the name of a file here.\nThe letters of file names")
