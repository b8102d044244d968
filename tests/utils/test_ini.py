"""An ini file as users write it: letter case, comments, ``%``, and mistakes that become one error."""

import configparser
import re
import shlex
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from utils import ini
from utils.errors import ConfigError
from utils.ini import IniSection, Value, format_ini, override, put, read_ini


@pytest.fixture
def read(tmp_path):
    def read(content: str | bytes):
        path = tmp_path / "some.ini"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_ini(path)

    return read


def texts(sections):
    return {name: {key: v.text for key, v in s.values.items()} for name, s in sections.items()}


def test_keys_are_case_insensitive_and_sections_keep_their_case(read):
    assert texts(read("[callback.EMA]\nDecay = 0.5\n")) == {"callback.EMA": {"decay": "0.5"}}


def test_a_percent_sign_means_itself(read):
    # trap: ConfigParser treats % as interpolation
    assert texts(read("[a]\nx = 50%\ny = %(x)s %%\n")) == {"a": {"x": "50%", "y": "%(x)s %%"}}


@pytest.mark.parametrize("mark", ["#", ";"])
def test_inline_comments_are_not_part_of_the_value(read, mark):
    # trap: inline comments stay in the value
    content = f"{mark} all of it\n[a]  {mark} of a section\nx = 1  {mark} why\ny = a{mark}b\n"
    assert texts(read(content)) == {"a": {"x": "1", "y": f"a{mark}b"}}


def test_a_colon_or_an_equals_sign_divides_key_from_value(read):
    assert texts(read("[a]\nx: 1\ny = b=c\n")) == {"a": {"x": "1", "y": "b=c"}}


def test_bom_and_crlf_and_korean_are_fine(read):
    content = b"\xef\xbb\xbf" + "[실행]\r\n이름 = 마스크 대회\r\n".encode()
    assert texts(read(content)) == {"실행": {"이름": "마스크 대회"}}


def test_values_and_sections_know_their_lines(read):
    sections = read("# comment\n\n[a]\nx = 1\n\n[b]\n# more\nx = 2\n  3\nY = 4\n")
    assert sections["a"].origin.endswith("some.ini line 3")
    assert sections["a"].values["x"].origin.endswith("some.ini line 4")
    assert sections["b"].values["x"].origin.endswith("some.ini line 8")
    assert sections["b"].values["y"].origin.endswith("some.ini line 10")


def test_a_form_feed_does_not_move_the_line_numbers(read):
    sections = read("[a]\nx = 1\x0c 2\u2028 3\ny = 4\n")
    assert sections["a"].values["y"].origin.endswith("line 3")


@pytest.mark.parametrize(
    "content",
    [
        "x = 1\n",  # no section header
        "[a]\nx = 1\nX = 2\n",  # one key twice, letter case aside
        "[a]\nx = 1\n[a]\ny = 2\n",  # one section twice
        "[a]\njust words\n",
        "[a\nx = 1\n",
        "[a]\n= 1\n",
        b"[a]\nx = \xb0\xa1\n",  # cp949
        "[a]\nx = 1\n".encode("utf-16"),
    ],
)
def test_a_file_that_is_no_ini_file_is_a_config_error_that_names_it(read, content):
    with pytest.raises(ConfigError, match=re.escape("some.ini")):
        read(content)


def test_a_missing_file_and_a_folder_are_config_errors(tmp_path):
    with pytest.raises(ConfigError, match="no config file"):
        read_ini(tmp_path / "none.ini")
    with pytest.raises(ConfigError, match="can't be read"):
        read_ini(tmp_path)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    st.one_of(
        st.binary(max_size=60),
        st.text(max_size=60).map(str.encode),
        st.lists(
            st.sampled_from(["[a]", "[b", " [c]", "x=1", "X", " y", "= 2", "\t", "#", "[\0]", "[a.b]"]),
            max_size=8,
        ).map(lambda lines: "\n".join(lines).encode()),
    )
)
def test_any_bytes_are_read_or_are_a_config_error(tmp_path, content):
    path = tmp_path / "random.ini"
    path.write_bytes(content)
    try:
        sections = read_ini(path)
    except ConfigError:
        return
    assert all(isinstance(section, IniSection) for section in sections.values())


def test_set_puts_values_over_those_of_the_file(read):
    sections = read("[train]\nepochs = 3\n")
    override(sections, ["train.EPOCHS=5", "loss.age.smoothing = 0.1", "a.b=c=d", "a.e="])
    assert texts(sections) == {
        "train": {"epochs": "5"},
        "loss.age": {"smoothing": "0.1"},
        "a": {"b": "c=d", "e": ""},
    }
    assert sections["loss.age"].values["smoothing"].origin == "--set loss.age.smoothing"


@pytest.mark.parametrize("text", ["train.epochs", "epochs=3", ".epochs=3", "train.=3", "=", ""])
def test_a_set_that_is_not_section_key_value_is_a_config_error(text):
    with pytest.raises(ConfigError, match=re.escape("section.key=value")):
        override({}, [text])


@pytest.mark.parametrize("text", ["a #b", "; a", "a\n#b", "a\rb"])
def test_a_value_that_no_ini_file_can_hold_is_refused_and_not_changed_later(text):
    # Such as PODIUM_DATA="/data/set #3", which the run's own config.ini would cut short.
    with pytest.raises(ConfigError, match="begin a comment"):
        put({}, "paths", "data", Value(text, "PODIUM_DATA"))


def test_bytes_that_are_no_text_are_refused_as_no_config_could_hold_them():
    with pytest.raises(ConfigError, match=r"PODIUM_DATA: .* can't be a value: it is not UTF-8 text"):
        put({}, "paths", "data", Value("/data/\udcff", "PODIUM_DATA"))


def test_values_of_several_lines_survive_being_written(read, tmp_path):
    found = texts(read("[task]\ndrop_ages = 27-29,\n    57-59\njoint = no\n"))
    path = tmp_path / "again.ini"
    path.write_text(format_ini(found))
    assert found["task"]["drop_ages"] == "27-29,\n57-59"
    assert texts(read_ini(path)) == found


names = st.from_regex(r"[a-z][a-z0-9_.]{0,8}", fullmatch=True)
plain = st.text(st.characters(exclude_characters="#;", exclude_categories=["Cs", "Cc"]), max_size=12)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.dictionaries(names, st.dictionaries(names, plain.map(str.strip), max_size=4), max_size=4))
def test_what_is_written_is_read_back_the_same(tmp_path: Path, sections):
    path = tmp_path / "written.ini"
    path.write_text(format_ini(sections), encoding="utf-8")
    assert texts(read_ini(path)) == sections


def test_another_name_clears_the_options_of_the_class_that_it_replaces(read):
    sections = read("[model]\nname = TinyNet\nwidth = 8\n[run]\nname = a\nseed = 3\n")
    override(sections, ["model.dropout=0.5", "model.name=ResNet18", "run.name=b"], choosing={"model": None})
    assert texts(sections) == {
        "model": {"name": "ResNet18", "dropout": "0.5"},
        "run": {"name": "b", "seed": "3"},  # the name of a run is no class
    }


def test_another_name_clears_the_options_of_the_class_that_a_section_means_without_one(read):
    sections = read("[crop]\nmargin = 8\n")
    override(sections, ["crop.name=CentreCrop", "crop.size=8"], choosing={"crop": "WholeImage"})
    assert texts(sections) == {"crop": {"name": "CentreCrop", "size": "8"}}
    override(sections, ["crop.name=CentreCrop"], choosing={"crop": "WholeImage"})
    assert texts(sections) == {"crop": {"name": "CentreCrop", "size": "8"}}


def test_the_same_name_again_keeps_the_options(read):
    sections = read("[model]\nname = TinyNet\nwidth = 8\n")
    override(sections, ["model.name=TinyNet"], choosing={"model": None})
    assert texts(sections) == {"model": {"name": "TinyNet", "width": "8"}}


def test_a_config_that_is_not_there_gets_the_nearest_one_and_the_command_that_copies_the_shipped_one(
    tmp_path,
):
    (tmp_path / "config.ini").write_text("[a]\n", encoding="utf-8")
    with pytest.raises(ConfigError) as error:
        read_ini(tmp_path / "confg.ini")
    assert f"Did you mean {tmp_path / 'config.ini'}?" in str(error.value)
    command = shlex.split(str(error.value).partition("copy the shipped one: ")[2])
    assert command[0] == "cp"
    assert "[model]" in Path(command[1]).read_text(encoding="utf-8")
    assert command[2] == str(tmp_path / "confg.ini")


def test_all_that_is_no_ini_file_is_named_at_once_each_with_its_line(tmp_path):
    path = tmp_path / "config.ini"
    path.write_text(
        "lr = 1\n[train]\nepochs = 3  # few\nbatch size 32\nEpochs = 4\n  and more\n[images\nsize = 8, 8\n"
        "[run]\n[train]\n; a comment\n= 5\nname : x\n"
    )
    with pytest.raises(ConfigError) as caught:
        read_ini(path)
    assert str(caught.value).splitlines() == [
        f"{path} has 6 problem(s):",
        "  - Line 1: 'lr = 1' stands before the first [section].",
        "  - Line 4: 'batch size 32' sets nothing: write key = value.",
        "  - Line 5: Epochs of [train] stands in line 3 already: keep one of them.",
        "  - Line 7: '[images' has no end: write [images].",
        "  - Line 10: [train] stands in line 2 already: keep one of them.",
        "  - Line 12: '= 5' sets nothing: write key = value.",
    ]


@given(
    st.lists(
        st.sampled_from(
            ["[a]", "[b]", "[a", "x = 1", "y: 2", "X = 3", "z", "= 4", "  more", "# no", "", "]"]
        ),
        max_size=8,
    )
)
def test_what_configparser_refuses_is_said_in_words_of_ours_and_all_else_is_read(lines):
    text = "\n".join(lines)
    parser = configparser.ConfigParser(
        interpolation=None, inline_comment_prefixes=("#", ";"), default_section="\0"
    )
    try:
        parser.read_string(text)
    except configparser.Error:
        assert ini._mistakes(text) or any(line.startswith(" ") for line in lines)
    else:
        assert ini._mistakes(text) == []
