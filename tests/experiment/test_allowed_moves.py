"""What a task forbids, in augmentation and in views, and what training never showed."""

import pytest

from dataset.tasks.classification import ClassificationTask
from dataset.tasks.hierarchy import HierarchyTask
from dataset.tasks.mask import MaskTask
from dataset.tasks.multi_label import MultiLabelTask
from experiment.allowed_moves import build_augmentations, build_views, every_view
from experiment.read_settings import settings_from
from tests.experiment.smallest import SMALLEST
from utils.errors import ConfigError
from utils.ini import override, read_ini

PREPARED = (36, 26)


def settings_of(tmp_path, *overrides):
    path = tmp_path / "config.ini"
    path.write_text(SMALLEST, encoding="utf-8")
    sections = read_ini(path)
    override(sections, overrides)
    return settings_from(sections, "config.ini")


def one_sided():
    """Return a task with labels that know left from right."""
    return ClassificationTask(root=None, labels_found=lambda: ("left", "right"), changed_by=("flip",))


@pytest.mark.parametrize("forbidden", ["flip", "rotate", "upend"])
def test_what_turns_images_over_is_refused_where_any_of_its_moves_changes_labels(tmp_path, forbidden):
    task = ClassificationTask(root=None, labels_found=lambda: ("a", "b"), changed_by=(forbidden,))
    views = settings_of(tmp_path, "infer.views=VerticalFlip")
    with pytest.raises(ConfigError, match=rf"VerticalFlip may {forbidden} an image, .* leave it out"):
        build_views(views, task, PREPARED)
    training = settings_of(tmp_path, "augmentation.name=VerticalFlip")
    with pytest.raises(ConfigError, match=rf"VerticalFlip may {forbidden} an image"):
        build_augmentations(training, task)


def test_quarter_turns_are_allowed_where_only_mirroring_changes_labels(tmp_path):
    settings = settings_of(tmp_path, "infer.views=QuarterTurns", "augmentation.name=QuarterTurns")
    assert list(build_views(settings, one_sided(), PREPARED)) == ["QuarterTurns"]


def test_views_come_with_their_options_whatever_the_case_of_their_names(tmp_path):
    settings = settings_of(tmp_path, "infer.views=flip, SHIFT", "view.Shift.by=0.25", "view.Scale.by=0.1")
    views = build_views(settings, MaskTask(), PREPARED)
    assert list(views) == ["Shift", "Flip"] or list(views) == ["Flip", "Shift"]
    assert (views["Shift"].down, views["Shift"].across) == (8, 6)
    again = settings_from(read_written(tmp_path, settings), "again")
    assert again.views.keys() == settings.views.keys() == {"Shift", "Flip", "Scale"}
    assert again.texts() == settings.texts()


def read_written(tmp_path, settings):
    from utils.ini import format_ini

    path = tmp_path / "written.ini"
    path.write_text(format_ini(settings.texts()), encoding="utf-8")
    return read_ini(path)


def test_a_view_that_changes_labels_is_refused_with_all_the_others_that_cannot_be_made(tmp_path):
    settings = settings_of(tmp_path, "infer.views=Flip, FiveCrop, Scale")
    with pytest.raises(ConfigError) as error:
        build_views(settings, one_sided(), (32, 24))
    message = str(error.value)
    assert "[infer] views has 2 problem(s)" in message
    assert "Flip may flip an image, but [task] changed_by = flip says that this changes labels" in message
    assert "it needs room = 0.1 or so in [images]" in message


def test_an_augmentation_that_changes_labels_is_refused(tmp_path):
    flips = settings_of(tmp_path, "augmentation.name=TrainAugmentation")
    with pytest.raises(ConfigError, match=r"\[augmentation\] TrainAugmentation may flip an image"):
        build_augmentations(flips, one_sided())
    upright = settings_of(tmp_path, "augmentation.name=TrainAugmentation", "augmentation.flip=0")
    (built,) = build_augmentations(upright, one_sided())
    assert built.moves == {"shift", "scale", "rotate"}


@pytest.mark.parametrize("name", ["RandAugment", "TrivialAugment"])
def test_augmentations_by_operations_shift_and_rotate(tmp_path, name):
    (built,) = build_augmentations(settings_of(tmp_path, f"augmentation.name={name}"), MaskTask())
    assert built.moves == {"shift", "rotate"}


def test_every_task_but_the_mask_competitions_can_be_told_what_changes_its_labels():
    assert MaskTask().changed_by == ()
    assert one_sided().changed_by == ("flip",)
    many = MultiLabelTask(root=None, labels_found=lambda: ("a", "b"), changed_by=("flip", "scale"))
    assert many.changed_by == ("flip", "scale")
    rows = [("row 1", {"coarse": "a", "fine": "b"}), ("row 2", {"coarse": "c", "fine": "d"})]
    levels = ("coarse", "fine")
    assert HierarchyTask(root=None, rows_found=lambda: rows, levels=levels, changed_by=("rotate",)).changed_by


def test_what_training_never_showed_is_used_with_a_warning(tmp_path, caplog):
    settings = settings_of(tmp_path, "infer.views=Flip, Shift", "augmentation.name=TrivialAugment")
    assert len(build_views(settings, MaskTask(), PREPARED)) == 2
    (message,) = caplog.messages
    assert message.startswith("The view Flip shows the model what training did not: no augmentation")
    caplog.clear()
    build_views(
        settings_of(tmp_path, "infer.views=Flip", "augmentation.name=TrainAugmentation"), MaskTask(), PREPARED
    )
    assert caplog.messages == []


def test_of_all_views_those_that_fit_are_kept_and_the_others_explained(tmp_path):
    views, left_out = every_view(settings_of(tmp_path, "view.Shift.by=0.5"), one_sided(), (32, 24))
    assert list(views) == ["QuarterTurns", "Scale", "Shift"]
    assert views["Shift"].down == 16
    assert len(left_out) == 3


def test_wrong_views_are_problems_of_the_config_with_their_places(tmp_path):
    with pytest.raises(ConfigError) as error:
        settings_of(
            tmp_path,
            "infer.views=Flp, Scale, scale",
            "view.Shift.by=0.9",
            "view.Turn.by=1",
            "infer.average=mean",
        )
    message = str(error.value)
    for words in (
        "Unknown view 'Flp'. Did you mean 'Flip'?",
        "a view is there twice (--set infer.views)",
        "[view.Shift] by: 0.9 is not above 0 up to 0.5 (--set view.Shift.by)",
        "[view.Turn] Unknown view 'Turn'",
        "[infer] average: 'mean' is not one of 'probabilities', 'logits'",
    ):
        assert words in message
