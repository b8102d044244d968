"""Many problems of one kind are a few lines."""

from utils.errors import listed, unknown_name


def test_up_to_thirty_problems_are_listed_one_a_line():
    assert listed("x", [f"line {n}: 'a' is wrong" for n in range(30)]).count("\n") == 30


def test_more_of_one_kind_are_three_examples_and_their_number():
    problems = [f"t.csv line {n}: there is no image /data/{n}.png" for n in range(1000)]
    message = listed("t.csv", [*problems, "t.csv line 7: there is no label"])
    assert message.splitlines() == [
        "t.csv has 1001 problem(s):",
        *(f"  - {problem}" for problem in problems[:3]),
        "  ... and 997 more of this kind",
        "  - t.csv line 7: there is no label",
    ]


def test_more_of_several_kinds_are_thirty_and_the_number_of_the_others():
    problems = [f"{n}: {'abc'[n % 3]} is wrong" for n in range(60)]
    assert listed("x", problems).endswith("\n  ... and 30 more")


def test_a_problem_that_lines_of_a_table_share_is_said_once_with_their_numbers():
    message = listed(
        "t.csv",
        ["t.csv line 2: no label", "t.csv line 3: x", *(f"t.csv line {n}: no label" for n in range(4, 40))],
    )
    shown = ", ".join(map(str, (2, *range(4, 23))))
    assert message.splitlines() == [
        "t.csv has 38 problem(s):",
        f"  - t.csv lines {shown} and 17 more: no label",
        "  - t.csv line 3: x",
    ]


def test_a_problem_of_two_lines_is_said_of_each():
    assert listed("t.csv", ["t.csv line 2: a", "t.csv line 9: a"]).count("\n  - t.csv line ") == 2


def test_of_thousands_of_valid_names_the_closest_and_the_first_are_said():
    message = unknown_name("score", "f1/x4999", [f"f1/x{n:04}y" for n in range(5000)])
    assert "Did you mean 'f1/x4999y'?" in message
    assert message.endswith("f1/x0059y, ... and 4940 more.")
