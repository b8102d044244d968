"""The whole config: every mistake in one error, what goes before what, and that it can be written again."""

import itertools
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dataset.tasks.base import TASKS
from experiment.read_settings import read_sections, settings_from
from experiment.settings import BESIDE, CHOSEN, FIXED
from loss.base import LOSSES
from tests.experiment.smallest import SMALLEST
from train.callbacks.base import CALLBACKS
from utils.errors import ConfigError
from utils.ini import format_ini, read_ini

SHIPPED = Path(__file__).resolve().parents[2] / "config.ini"
EVERYTHING = """\
[run]
name = all
seed = 7
split_seed = 42
folds = 0, 2
seeds = 3
device = cpu
deterministic = no
[paths]
data = /data/마스크 대회
draw_demo = no
runs = runs
cache = .cache
[task]
name = MaskTask
joint = yes
age_boundaries = 30, 60
train_age_boundaries = 30, 58
drop_ages = 27-29,
    57-59
soft_age = 1.5
[dataset]
name = SplitByProfileDataset
table = train/train.csv
images = train/images
folds = 4
fold_table = split.csv
valid_fold = 3
repair_names = slashes, drop 2
follow_links = yes
relabel = relabel.csv
on_bad_row = skip
[test_dataset]
name = TestDataset
table = eval/info.csv
images = eval/images
image_column = file
extension = .jpg
repair_names = case
follow_links = yes
template = sample_submission.csv
[images]
size = 32, 24
grey = yes
room = 0.25
store = memory
store_budget = 0
depth = 12
on_bad_image = skip
[crop]
name = CentreCrop
size = 30, 20
centre = 0.4, 0.5
[sampler]
name = EveryImage
[augmentation]
name = CustomAugmentation
jitter = 0.2
noise = 0
[augmentation.TrainAugmentation]
FLIP = 1
[model]
name = TinyNet
pretrained = runs/x/001
width = 4
dropout = 0.5
[head]
name = Shallow
hidden = 8
dropout = 0.5
norm = yes
[head.class]
hidden = 4
[loss]
name = CrossEntropy
weight = 2
[loss.class]
name = LabelSmoothing
smoothing = 0.2
weight = 0.5
class_weights = balanced
[optimizer]
name = SGD
lr = 1e-3
[scheduler]
name = CosineAnnealingWarmRestarts
T_0 = 10
T_mult = 2
[train]
epochs = 3
time_limit = 1 h 30 min
plan = runs/other/001
batch_size = 8
accumulate = 2
clip = none
precision = float32
eval_precision = float32
compile = yes
cuda_graph = yes
monitor = loss
final = runs/other/002
[infer]
batch_size = 16
engine = compile
views = Flip, Shift
average = logits
on_bad_image = prior
check_first = no
[view.Shift]
by = 0.1
[pseudo]
labels = runs/teacher/001/pseudo_labels.csv
weight = 0.5
min_confidence = class:0.75
hard = yes
images = unlabelled
[review]
most = 30
mistakes = 4
height = 96
[ensemble]
runs = 001, runs/other/002
method = Greedy
decision = none
[callback.TensorBoard]
[callback.EMA]
decay = 0.9
"""


def weights_of(loaded):
    return {name: beside.weight for name, beside in loaded.beside.items() if name.startswith("loss")}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """A folder without .env, so that a developer's own does not count."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def load(tmp_path):
    def load(text=SMALLEST, *overrides):
        path = tmp_path / "test.ini"
        path.write_text(text, encoding="utf-8")
        return settings_from(read_sections(path, overrides), "test.ini")

    return load


def refusal(load, *arguments):
    with pytest.raises(ConfigError) as caught:
        load(*arguments)
    return str(caught.value)


def test_all_problems_of_a_file_come_in_one_error_with_place_and_nearest_name(load):
    message = refusal(
        load,
        """\
[run]
name = test
sed = 3
[paths]
[task]
name = MaskTsk
[dataset]
name = SplitByProfileDataset
folds = one
[images]
size = 32
[model]
name = TinyNet
widht = 3
[train]
epochs = 0
[trian]
epochs = 3
[callback.Emma]
[loss.age]
name = LabelSmoothing
smoothing = 2
weight = -1
""",
    )
    problems = message.splitlines()[1:]
    expected = [
        ("Unknown section 'trian'", "Did you mean 'train'?", "loss.SPACE", "line 17"),
        ("[run] Unknown key 'sed'", "Did you mean 'seed'?", "device, folds, name, seed", "line 3"),
        ("[paths] needs 'data = ...'", "line 4"),
        ("[task] Unknown task 'MaskTsk'", "Did you mean 'MaskTask'?", "line 6"),
        ("[dataset] folds: 'one' is not a whole number", "line 9"),
        ("[images] size: '32' is not 2 values", "line 11"),
        ("[model] Unknown key for TinyNet 'widht'", "Did you mean 'width'?", "dropout", "line 14"),
        ("[train] epochs: 0 is not at least 1", "line 16"),
        ("Unknown callback 'Emma'", "Did you mean 'EMA'?", "EarlyStopping", "line 19"),
        ("[loss.age] smoothing: 2 is not from 0 up to 1", "line 22"),
        ("[loss.age] weight: -1 is not at least 0", "line 23"),
    ]
    assert f"test.ini has {len(expected)} problem(s)" in message
    for parts in expected:
        assert any(all(part in problem for part in parts) for problem in problems), parts


def test_a_misspelt_key_is_reported_and_not_ignored(load):
    # defect 6 of a published pipeline: test_bacth_size was silently ignored
    message = refusal(load, SMALLEST + "[infer]\nbacth_size = 3\n")
    assert "[infer] Unknown key 'bacth_size'. Did you mean 'batch_size'?" in message


@pytest.mark.parametrize(
    ("section", "key"), [("dataset", "split_by_label"), ("model", "num_classes"), ("train", "val_ratio")]
)
def test_a_key_that_nothing_would_use_is_an_error(load, section, key):
    # defect 5 of a published pipeline: num_classes, split_by_label and val_ratio were read and never used
    assert f"'{key}'" in refusal(load, SMALLEST, f"{section}.{key}=1")


def test_pretrained_by_its_old_spelling_is_an_error_and_reaches_the_model_by_its_own(load):
    # defect 5 of a published pipeline: pre_trained was parsed and never passed to the constructor
    message = refusal(load, SMALLEST, "model.name=ResNet18", "model.pre_trained=yes")
    assert "Did you mean 'pretrained'?" in message
    loaded = load(SMALLEST, "model.name=ResNet18", "model.pretrained=no")
    assert loaded.texts()["model"]["pretrained"] == "no"


def test_a_crop_by_its_old_keys_is_an_error_that_says_where_it_is_now(load):
    message = refusal(load, SMALLEST, "images.crop=320, 320", "images.crop_centre=0.4, 0.5")
    assert "[images] crop is now a section [crop] with name = CentreCrop and size = ..." in message
    assert "[images] crop_centre is now centre = ... in the section [crop]" in message


@pytest.mark.parametrize(
    ("text", "value"), [("False", False), ("no", False), ("off", False), ("TRUE", True), ("on", True)]
)
def test_a_boolean_is_what_it_says(load, text, value):
    # defect 11 of a published pipeline: --train False was True
    assert load(SMALLEST, f"paths.draw_demo={text}").paths.draw_demo is value
    loaded = load(SMALLEST, f"task.joint={text}")
    assert TASKS.build(loaded.chosen["task"]).joint is value


def test_a_scheduler_need_not_be_chosen(load):
    # defect 11 of a published pipeline: without the section a name was undefined
    loaded = load()
    assert loaded.chosen["scheduler"].name == "CosineAnnealing"
    assert {name: c.name for name, c in loaded.chosen.items() if CHOSEN[name][1]} == {
        name: default for name, (_, default) in CHOSEN.items() if default
    }


def test_a_missing_section_that_is_needed_names_what_could_be_chosen(load):
    message = refusal(load, SMALLEST.replace("[model]\nname = TinyNet\n", ""))
    assert "[model] needs 'name = ...', one of " in message
    assert "TinyNet" in message


def test_a_key_of_another_class_is_an_error(load):
    message = refusal(load, SMALLEST, "optimizer.name=AdamW", "optimizer.momentum=0.9")
    assert "Unknown key for AdamW 'momentum'" in message


@pytest.mark.parametrize(
    ("setting", "valid", "owner"),
    [
        ("metric.fil=x", "of", "'file' is a key of FileMetric"),
        ("metric.MacroF1.file=x", "of", "'file' is a key of FileMetric"),
        ("loss.age.gamma=2", "class_weights, weight", "'gamma' is a key of Focal, FocalLabelSmoothing"),
        ("head.hidden=3", "(none)", "'hidden' is a key of Shallow"),
    ],
)
def test_an_unknown_key_lists_those_of_the_section_and_the_classes_that_have_it(load, setting, valid, owner):
    message = refusal(load, SMALLEST, setting)
    assert f"Valid names: {valid}. {owner}. (--set {setting.partition('=')[0]})" in message


def test_a_key_like_one_of_the_section_is_told_that_one(load):
    message = refusal(load, SMALLEST, "optimizer.layer_deca=0.5")
    assert "'layer_deca'. Did you mean 'layer_decay'?" in message
    assert "is a key of" not in message


def test_options_of_a_loss_reach_it(load):
    # defect 4 of a published pipeline: label smoothing was built without its options and so was never on
    loaded = load(SMALLEST, "loss.age.name=LabelSmoothing", "loss.age.smoothing=0.3", "loss.age.weight=1.5")
    assert LOSSES.build(loaded.chosen["loss.age"]).smoothing == 0.3
    assert weights_of(loaded) == {"loss": 1.0, "loss.age": 1.5}


def test_a_heads_loss_inherits_class_and_weight_of_the_loss_of_all_heads(load):
    loaded = load(
        SMALLEST, "loss.name=LabelSmoothing", "loss.weight=2", "loss.age.smoothing=0.3", "loss.mask.weight=1"
    )
    age = loaded.chosen["loss.age"]
    assert age.name == "LabelSmoothing"
    assert LOSSES.build(age).smoothing == 0.3
    assert weights_of(loaded) == {"loss": 2.0, "loss.age": 2.0, "loss.mask": 1.0}
    named = load(SMALLEST, "loss.weight=2", "loss.age.name=Focal")
    assert weights_of(named) == {"loss": 2.0, "loss.age": 2.0}


def test_a_heads_section_without_a_name_changes_single_options_of_the_loss_of_all_heads(load):
    loaded = load(SMALLEST, "loss.name=LabelSmoothing", "loss.smoothing=0.4", "loss.mask.weight=1")
    assert LOSSES.build(loaded.chosen["loss.mask"]).smoothing == 0.4
    named = load(SMALLEST, "loss.name=LabelSmoothing", "loss.smoothing=0.4", "loss.mask.name=LabelSmoothing")
    assert LOSSES.build(named.chosen["loss.mask"]).smoothing == 0.1  # a named class has its own defaults


def test_each_label_space_can_have_a_head_of_its_own(load):
    loaded = load(
        SMALLEST, "head.name=Shallow", "head.hidden=64", "head.age.hidden=32", "head.mask.name=Cosine"
    )
    chosen = {space: loaded.chosen[loaded.of_space("head", space)] for space in ("mask", "gender", "age")}
    assert [head.name for head in chosen.values()] == ["Cosine", "Shallow", "Shallow"]
    assert [head.section for head in chosen.values()] == ["head.mask", "head", "head.age"]
    texts = loaded.texts()
    assert (texts["head"]["hidden"], texts["head.age"]["hidden"]) == ("64", "32")
    assert texts["head.mask"] == {"name": "Cosine", "scale": "30.0"}


def test_a_head_need_not_be_chosen_and_is_then_the_models_own(load):
    plain, deep = (load(SMALLEST, f"model.name={name}") for name in ("EfficientNetB4", "EfficientNetB4T"))
    assert plain.texts()["head"] == {"name": "Linear"}
    assert deep.texts()["head"] == {"name": "Shallow", "hidden": "512", "dropout": "0.0", "norm": "yes"}
    narrow = load(SMALLEST, "model.name=EfficientNetB4T", "head.age.hidden=8")
    assert narrow.texts()["head.age"]["hidden"] == "8"
    named = load(SMALLEST, "model.name=EfficientNetB4T", "head.name=Linear")
    assert load(format_ini(named.texts())).texts()["head"] == {"name": "Linear"}


def test_a_key_of_another_head_is_an_error(load):
    message = refusal(load, SMALLEST, "head.age.hidden=64")
    assert "[head.age] Unknown key for Linear 'hidden'" in message


@pytest.mark.parametrize(
    ("variable", "override", "expected"),
    [(False, False, "from_file"), (True, False, "from_environment"), (True, True, "from_set")],
)
def test_set_goes_before_the_environment_and_that_before_the_file(
    load, monkeypatch, variable, override, expected
):
    if variable:
        monkeypatch.setenv("PODIUM_RUNS", "from_environment")
    overrides = ["paths.runs=from_set"] if override else []
    text = SMALLEST.replace("[task]", "runs = from_file\n[task]")
    assert load(text, *overrides).paths.runs == Path(expected)


def test_a_dot_env_file_gives_paths_and_the_environment_goes_before_it(load, monkeypatch):
    Path(".env").write_text("PODIUM_DATA=from_dot_env\nPODIUM_CACHE=cache_dot_env\n")
    monkeypatch.setenv("PODIUM_CACHE", "cache_environment")
    paths = load().paths
    assert (paths.data, paths.cache) == (Path("from_dot_env"), Path("cache_environment"))


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("PODIUM_DATA", ".env line 2: 'PODIUM_DATA' sets nothing: write NAME=VALUE"),
        ("PODIUM_DATA: /real", ".env line 2: 'PODIUM_DATA: /real' sets nothing"),
        ("PODIUM_DATA='/real", '.env line 2: "PODIUM_DATA=\'/real" sets nothing'),
        ("PODIUM_DAT=/real", "PODIUM_DAT means nothing. Did you mean PODIUM_DATA?"),
        ("podium_data=/real", "podium_data means nothing. Did you mean PODIUM_DATA?"),
    ],
)
def test_a_dot_env_file_that_would_silently_name_no_folder_is_refused(load, line, told):
    Path(".env").write_text(f"\n{line}\nOTHER=1\n")
    assert told in refusal(load)


def test_a_misspelt_variable_is_refused_and_others_mean_nothing(load, monkeypatch):
    Path(".env").write_text("# PODIUM_DATA is set elsewhere\nnot ours\n")
    monkeypatch.setenv("PODIUM_SOMETHING_ELSE", "x")
    assert load().paths.data == Path("somewhere")
    monkeypatch.setenv("PODIUM_RUN", "elsewhere")
    assert "PODIUM_RUN means nothing. Did you mean PODIUM_RUNS?" in refusal(load)


def test_podium_data_switches_the_drawing_of_demo_data_off(load, monkeypatch):
    text = SMALLEST.replace("[task]", "draw_demo = yes\n[task]")
    assert load(text).paths.draw_demo is True
    monkeypatch.setenv("PODIUM_DATA", "/real/data")
    paths = load(text).paths
    assert (paths.data, paths.draw_demo) == (Path("/real/data"), False)


def test_an_empty_variable_counts_as_none(load, monkeypatch):
    monkeypatch.setenv("PODIUM_DATA", "")
    assert load().paths.data == Path("somewhere")


def test_a_wrong_value_from_the_environment_names_the_variable(load, monkeypatch):
    monkeypatch.setenv("PODIUM_DRAW_DEMO", "perhaps")
    assert "PODIUM_DRAW_DEMO in the environment or .env" in refusal(load)


def test_a_wrong_value_from_the_command_line_names_it(load):
    assert "(--set train.epochs)" in refusal(load, SMALLEST, "train.epochs=many")


@pytest.mark.parametrize("text", [SMALLEST, EVERYTHING, SHIPPED.read_text(encoding="utf-8")])
def test_the_resolved_config_makes_the_same_config_again(load, text):
    loaded = load(text)
    written = format_ini(loaded.texts())
    again = load(written)
    assert again.texts() == loaded.texts()
    assert format_ini(again.texts()) == written
    for name in FIXED:
        assert getattr(again, name) == getattr(loaded, name)
    assert again.beside == loaded.beside


def test_the_resolved_config_holds_every_key_of_every_chosen_class(load):
    loaded = load(EVERYTHING)
    texts = loaded.texts()
    for name, component in loaded.chosen.items():
        kind = name.partition(".")[0]
        schema = CHOSEN[kind][0].schema(component.name)
        beside = BESIDE[kind].__dataclass_fields__ if kind in BESIDE else ()
        assert {"name", *schema, *beside} == set(texts[name])
    assert texts["scheduler"]["T_0"] == "10"
    assert texts["augmentation.TrainAugmentation"]["flip"] == "1"
    assert texts["callback.EMA"]["decay"] == "0.9"
    assert set(texts["callback.TensorBoard"]) == set(CALLBACKS.schema("TensorBoard"))


def test_the_example_with_everything_really_names_every_key(load, tmp_path):
    # so that the round trip above stays one over all keys when a key is added
    loaded = load(EVERYTHING)
    written = {name: set(section.values) for name, section in read_ini(tmp_path / "test.ini").items()}
    for name, cls in FIXED.items():
        assert written[name] == set(cls.__dataclass_fields__)
    for name in ("task", "dataset", "test_dataset", "crop", "model", "head"):
        assert written[name] == {"name", *CHOSEN[name][0].schema(loaded.chosen[name].name)}


def test_the_shipped_config_is_valid():
    assert settings_from(read_sections(SHIPPED), "config.ini").run.name == "demo"


words = st.sampled_from(
    [
        *itertools.chain(FIXED, CHOSEN),
        "loss.age",
        "head.age",
        "loss.",
        ".",
        "callback.EMA",
        "augmentation.x",
        "name",
    ]
)
keys = st.sampled_from(["name", "weight", "epochs", "size", "data", "folds", "lr", "seed", "joint", "x"])
values = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
    st.sampled_from(
        ["TinyNet", "MaskTask", "Shallow", "LabelSmoothing", "AdamW", "1", "-1", "nan", "yes", "1, 2", ""]
    ),
)


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(overrides=st.lists(st.tuples(words, keys, values), max_size=4))
def test_any_config_is_checked_or_is_a_config_error(load, overrides):
    try:
        loaded = load(SMALLEST, *(f"{section}.{key}={value}" for section, key, value in overrides))
    except ConfigError:
        return
    assert loaded.texts() == load(format_ini(loaded.texts())).texts()
