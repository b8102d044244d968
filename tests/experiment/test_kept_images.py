"""Which kind of store serves a run's images is chosen once and kept with the run."""

import re

import pytest

from experiment.kept_images import keeping, with_images_of
from experiment.read_settings import read_sections, settings_from
from run import main
from tests.experiment.smallest import SMALL_RUN, SMALLEST
from tests.people import lay_out_people
from utils.durable import write_text
from utils.errors import ConfigError


@pytest.fixture
def settings(tmp_path):
    def settings(store):
        path = tmp_path / "config.ini"
        path.write_text(SMALLEST, encoding="utf-8")
        return settings_from(read_sections(path, [f"images.store={store}"]), str(path))

    return settings


@pytest.fixture
def began(tmp_path):
    def began(store):
        text = SMALLEST.replace("[images]", f"[images]\nstore = {store}")
        write_text(tmp_path / "run-config.ini", text)
        folder = tmp_path / "run"
        folder.mkdir(exist_ok=True)
        write_text(folder / "config.ini", text)
        return folder

    return began


@pytest.mark.parametrize("kind", ["plain", "compressed"])
def test_auto_becomes_what_it_came_to_and_a_choice_stays(settings, kind):
    assert keeping(settings("auto"), kind).images.store == kind
    assert keeping(settings("disk"), kind).images.store == "disk"


@pytest.mark.parametrize(
    ("before", "now", "then"),
    [
        ("plain", "auto", "plain"),
        ("compressed", "auto", "compressed"),
        ("auto", "auto", "plain"),  # a run from before there was a choice
        ("disk", "auto", "plain"),
        ("plain", "memory", "memory"),
        ("device", "disk", "disk"),
        ("compressed", "compressed", "compressed"),
    ],
)
def test_a_run_goes_on_with_the_kind_that_it_began_with(settings, began, before, now, then):
    assert with_images_of(began(before), settings(now)).images.store == then


@pytest.mark.parametrize(
    ("before", "now"), [("plain", "compressed"), ("compressed", "disk"), ("auto", "compressed")]
)
def test_another_kind_is_refused_with_what_to_write(settings, began, before, now):
    kind = "compressed" if before == "compressed" else "plain"
    with pytest.raises(ConfigError, match=rf"store = {now}: .* Write store = auto or {kind}, or start"):
        with_images_of(began(before), settings(now))


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kept")
    lay_out_people(folder / "data", small=True)
    text = SMALL_RUN.format(data=folder / "data", work=folder)
    (folder / "config.ini").write_text(text, encoding="utf-8")
    return folder


def podium(work, *arguments):
    return main(["--config", str(work / "config.ini"), *arguments])


def store_of(folder):
    return re.search(r"^store = (\w+)", (folder / "config.ini").read_text(encoding="utf-8"), re.MULTILINE)[1]


def test_a_run_whose_pixels_do_not_fit_keeps_that_they_are_compressed_for_all_it_does(work, capsys):
    budget = 20 * 7 * 32 * 24 * 3 * 0.95 / 1e9  # GB, a little less than plain pixels need
    little = ("--set", f"images.store_budget={budget:.9f}")
    assert podium(work, *little, "--set", "run.name=little", "--folds", "0,1") == 0
    run = work / "runs/little/001"
    assert [store_of(folder) for folder in (run, run / "fold-0")] == ["compressed"] * 2
    assert "JPEG of the prepared size, at least 4" in capsys.readouterr().out
    assert len(list((work / "cache").glob("*/images.jpg"))) == 1

    # The images to be predicted, for which there would be room, are of the same kind.
    assert podium(work, "--mode", "infer", "--run", str(run)) == 0
    assert len(list((work / "cache").glob("*/images.jpg"))) == 2
    assert not list((work / "cache").glob("*/pixels.u8"))


def test_a_run_with_room_keeps_that_its_pixels_are_plain(work):
    assert podium(work, "--set", "run.name=room") == 0
    assert store_of(work / "runs/room/001") == "plain"
