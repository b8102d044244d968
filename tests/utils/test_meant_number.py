"""What is said of a text that people read as a number."""

import pytest

from utils.meant_number import meant_number


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("1,5", ": write 1.5"),
        (",5", ": write .5"),
        ("1,234", ": write 1234, or 1.234 if the comma is its decimal point"),
        ("1,234.5", ": write 1234.5"),
        ("1,234,567", ": write 1234567"),
        ("1.234,5", ": write 1234.5"),
        ("1 234", ": write 1234"),
        ("-1\u00a0234.5", ": write -1234.5"),
        ("1'234", ": write 1234"),
        ("1_000", ": write 1000"),
        ("10_00", ": write 1000"),
        ("\u22125", ": write -5"),
        ("5 kg", ": write 5, without the unit"),
        ("-0.5%", ": write -0.5, without the unit"),
        ("$7.25", ": write 7.25, without the unit"),
        ("2024-01-02", ""),
        ("12cm", ": write 12, without the unit"),
        ("4o", ""),
        ("old", ""),
        ("1/10", ""),
        ("1,2,3", ""),
        ("", ""),
    ],
)
def test_what_was_meant_by_nearly_a_number(text, meant):
    assert meant_number(text) == meant
