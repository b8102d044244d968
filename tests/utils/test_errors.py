"""Many problems of one kind are a few lines."""

from utils.errors import listed


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
