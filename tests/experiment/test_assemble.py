"""What the settings of a run come to before an image is read: its heads and its losses."""

from pathlib import Path

import pytest
import torch

from experiment.assemble import Experiment
from experiment.read_settings import read_sections, settings_from
from loss.arc_face import ArcFace
from tests.experiment.smallest import SMALLEST
from utils.errors import ConfigError


def experiment(folder: Path, text: str = "", *overrides: str) -> Experiment:
    path = folder / "config.ini"
    path.write_text(SMALLEST + text, encoding="utf-8")
    return Experiment.of(settings_from(read_sections(path, overrides), "config.ini"))


def test_every_space_has_a_linear_head_unless_another_is_chosen(tmp_path):
    made = experiment(tmp_path).model(fresh=True)
    assert {type(head).__name__ for head in made.heads.values()} == {"Linear"}
    made = experiment(tmp_path, "[head]\nname = Shallow\n[head.age]\nname = Cosine\n").model(fresh=True)
    kinds = {space: type(head).__name__ for space, head in made.heads.items()}
    assert kinds == {"mask": "Shallow", "gender": "Shallow", "age": "Cosine"}


def test_an_angular_loss_gets_the_scale_of_its_spaces_head(tmp_path):
    text = "[head]\nname = Cosine\n[head.age]\nscale = 12\n[loss]\nname = ArcFace\nmargin = 0.2\n"
    run = experiment(tmp_path, text)
    run.check()
    losses = run.criterion().losses
    assert all(isinstance(loss, ArcFace) for loss in losses.values())
    assert {space: loss.scale for space, loss in losses.items()} == {"mask": 30, "gender": 30, "age": 12}


def test_an_angular_loss_on_a_head_without_cosines_says_what_to_write(tmp_path):
    run = experiment(tmp_path, "[head.mask]\nname = Cosine\n[loss.age]\nname = ArcFace\n")
    with pytest.raises(ConfigError, match=r"\[loss\.age\] ArcFace: .*\[head\.age\] name = Cosine.*line 18"):
        run.check()


@pytest.mark.parametrize("kind", ["head", "loss"])
def test_a_section_of_a_space_that_there_is_not_is_refused_with_the_nearest_name(tmp_path, kind):
    known = {"head": "Cosine", "loss": "Focal"}[kind]
    message = rf"\[{kind}\.aeg\] Unknown label space 'aeg'. Did you mean 'age'\? .*mask.*line 16"
    with pytest.raises(ConfigError, match=message):
        experiment(tmp_path, f"[{kind}.aeg]\nname = {known}\n")


def test_a_batch_of_one_image_is_refused_for_heads_with_batch_norm(tmp_path):
    experiment(tmp_path, "", "train.batch_size=1").check()
    with pytest.raises(ConfigError, match=r"\[head\] Shallow needs .* at least 2 images.*batch_size"):
        experiment(tmp_path, "[head]\nname = Shallow\n", "train.batch_size=1").check()


def test_a_head_gets_the_names_of_its_labels_and_needs_its_file_until_a_checkpoint_follows(tmp_path):
    path = tmp_path / "genders.csv"
    path.write_text("label,a,b\nfemale,1,2\nmale,3,4\n", encoding="utf-8")
    text = f"[head.gender]\nname = MLDecoder\nwidth = 8\nqueries = {path}\n"
    run = experiment(tmp_path, text)
    run.check()
    assert run.model(fresh=True).heads["gender"].queries.vectors.tolist() == [[3, 4], [1, 2]]
    path.unlink()
    run.model(fresh=False)
    for needs in (run.check, lambda: run.model(fresh=True)):
        with pytest.raises(ConfigError, match=r"\[head\.gender\] MLDecoder: queries = .*no such file.*line"):
            needs()


def test_a_cosine_head_learns_by_angular_margins(tmp_path):
    run = experiment(tmp_path, "[head]\nname = Cosine\n[loss]\nname = ArcFace\n")
    model, criterion = run.model(fresh=True), run.criterion()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.02)
    shades = torch.tensor([0, 120, 250], dtype=torch.uint8)
    images = torch.zeros(3, 3, 16, 16, dtype=torch.uint8)
    images[:, 0] = shades[:, None, None]
    targets = {space: torch.eye(k)[torch.arange(3) % k] for space, k in run.task.heads.items()}
    first = criterion(model(images), targets).item()
    for _ in range(60):
        optimizer.zero_grad()
        criterion(model(images), targets).backward()
        optimizer.step()
    assert criterion(model(images), targets).item() < 0.1 * first
    probabilities = model.eval()(images)["age"].softmax(dim=1)
    assert probabilities.shape == (3, 3)
