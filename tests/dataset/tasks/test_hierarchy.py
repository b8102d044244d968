"""Labels on several levels: the tree, targets, decisions, scores and submissions."""

import csv
from itertools import product
from statistics import fmean

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score

import dataset.tasks.tree
from dataset.augmentation.base import AUGMENTATIONS, Chance
from dataset.readers.base import DATASETS
from dataset.tasks.base import TASKS
from dataset.tasks.tree import TreeText, grow
from loss.base import PerHeadLoss
from loss.class_weights import ClassWeights
from loss.cross_entropy import CrossEntropy
from utils.errors import ConfigError, DataError
from utils.registry import Component
from utils.seeds import torch_generator

LEVELS = ("coarse", "middle", "fine")
# A coarse label with nothing below it, one that ends in the middle, one with labels on all levels.
FACES = [
    ("mask", "", ""),
    ("wrong", "he", ""),
    ("wrong", "she", ""),
    ("bare", "man", "boy"),
    ("bare", "man", "old"),
]


def task(rows=FACES, tmp_path="unused", levels=LEVELS, **options):
    found = [
        (f"train.csv line {n}", dict(zip(levels, row, strict=True))) for n, row in enumerate(rows, start=2)
    ]
    component = Component.of("HierarchyTask", levels=levels, **options)
    return TASKS.build(component, root=tmp_path, rows_found=lambda: found)


def targets(made, rows):
    return made.targets([made.encode(dict(zip(made.tree.levels, row, strict=True))) for row in rows])


def drawn(made, images, seed):
    generator = torch.Generator().manual_seed(seed)
    return {
        level: torch.randn(images, labels, generator=generator) * 2 for level, labels in made.heads.items()
    }


@st.composite
def rows_of_trees(draw):
    """Rows of a random tree of two to four levels, paths of any length, and images that lack labels."""
    depth = draw(st.integers(2, 4))
    paths = [("a",), ("b",)]
    whole = [
        ("a", *(f"a{level}" for level in range(1, depth))),
        ("b", *(f"b{level}" for level in range(1, depth))),
    ]
    for level in range(1, depth):
        parents = draw(st.lists(st.sampled_from(paths), min_size=1, max_size=4))
        longer = [(*path, f"{path[-1]}.{n}") for n, path in enumerate(parents)]
        whole += [path + ("",) * (depth - len(path)) for path in longer]
        paths = [path for path in longer if len(path) == level + 1] or [whole[0][: level + 1]]
    gaps = draw(st.lists(st.tuples(st.sampled_from(whole), st.integers(0, depth - 1)), max_size=4))
    partly = [(*path[:gap], "", *path[gap + 1 :]) for path, gap in gaps]
    return [*whole, *(path for path in partly if any(path))]


def levels_of(rows):
    return tuple(f"level{n}" for n in range(len(rows[0])))


def paths_by_definition(rows, missing):
    """Return the paths by trying every combination of labels: an independent, slow way."""
    if missing == "class":
        return {tuple(name or "nothing" for name in row) for row in rows}
    fits = lambda row, path: all(a in ("", b) for a, b in zip(row, path, strict=True))  # noqa: E731
    return {row for row in rows if not any(fits(row, other) for other in rows if other != row)}


@given(rows_of_trees(), st.sampled_from(["ignore", "class"]))
def test_the_paths_are_those_that_the_rows_say(rows, missing):
    if missing == "class":  # where a gap would be a second parent
        rows = [row for row in rows if "" not in row[: len("".join(n and "x" for n in row))]]
    made = task(rows, levels=levels_of(rows), missing=missing)
    assert set(made.tree.paths) == paths_by_definition(rows, missing)
    assert len(set(made.tree.paths)) == len(made.tree.paths)


@given(rows_of_trees(), st.sampled_from(["ignore", "class"]), st.integers(0, 99))
@settings(deadline=None)
def test_the_path_decision_is_the_best_of_all_paths(rows, missing, seed):
    if missing == "class":
        rows = [row for row in rows if "" not in row[: len("".join(n and "x" for n in row))]]
    made = task(rows, levels=levels_of(rows), missing=missing)
    logits = drawn(made, 7, seed)
    chosen = made.decide(logits)
    for image in range(7):
        logs = [logits[s.name][image].double().log_softmax(0).tolist() for s in made.spaces]
        best, total = None, -np.inf
        for path in made.tree.paths:
            parts = [
                log[s.labels.index(name)] if name else max(log)
                for s, log, name in zip(made.spaces, logs, path, strict=True)
            ]
            if sum(parts) > total:
                best, total = path, sum(parts)
        said = tuple("".join(np.array(s.labels)[chosen[s.name][image].numpy()]) for s in made.spaces)
        assert said == best
    assert made.scores(logits, chosen_as_targets(made))["consistency"] == 1


def chosen_as_targets(made):
    return {level: torch.eye(7, labels) for level, labels in made.heads.items()}


def test_a_level_beyond_the_end_of_a_path_counts_as_much_as_its_likeliest_label():
    made = task()
    logits = {
        "coarse": torch.tensor([[0.0, 0.1, -9.0]]),  # bare, mask, wrong: a narrow choice
        "middle": torch.tensor([[-9.0, 3.0, -9.0]]),  # he, man, she: what is surely bare's
        "fine": torch.tensor([[0.0, 0.0]]),  # boy, old: unsure, which says nothing against bare
    }
    assert made.rows(made.decide(logits)) == [{"coarse": "mask", "middle": "", "fine": ""}]
    logits["coarse"][0, 1] = -0.1
    assert made.rows(made.decide(logits)) == [{"coarse": "bare", "middle": "man", "fine": "boy"}]
    # by the levels alone there is always a label, whether or not it lies below the one above
    logits["coarse"][0, 1] = 0.1
    plain = task(decide="level")
    assert plain.rows(plain.decide(logits)) == [{"coarse": "mask", "middle": "man", "fine": "boy"}]


def test_many_images_and_paths_are_decided_in_parts(monkeypatch):
    made = task()
    logits = drawn(made, 50, 1)
    whole = made.decide(logits)
    monkeypatch.setattr(dataset.tasks.tree, "_MOST_SUMS", 12)
    assert all(torch.equal(made.decide(logits)[level], whole[level]) for level in LEVELS)


def test_a_label_that_has_others_below_it_ends_no_path():
    rows = [*FACES, ("bare", "man", ""), ("bare", "", "")]  # whose finer labels nobody wrote down
    assert task(rows).tree.paths == task().tree.paths
    asked = task(rows, missing="class")
    assert ("bare", "man", "nothing") in asked.tree.paths


def test_rows_complete_each_other():
    rows = [("a", "", "x"), ("", "b", "x"), ("", "b", "y"), ("c", "d", "z"), ("", "", "z")]
    assert task(rows).tree.paths == (("a", "b", "x"), ("a", "b", "y"), ("c", "d", "z"))
    assert task([("a", "", "x"), ("c", "d", "y"), ("c", "e", "y2")]).tree.paths[0] == ("a", "", "x")


def test_every_label_with_two_parents_is_named_with_both_and_their_rows():
    rows = [
        ("a", "p", "x"),
        ("b", "p", "x"),
        ("b", "q", "y"),
        ("b", "r", "y"),
        ("b", "q", "z"),
        ("b", "q", "y"),
    ]
    with pytest.raises(DataError) as caught:
        task(rows)
    lines = str(caught.value).splitlines()
    assert lines[0] == "The tree of labels has 2 problem(s):"
    assert lines[1] == "  - middle 'p' lies below coarse 'a' (train.csv line 2) and 'b' (train.csv line 3)"
    assert lines[2] == "  - fine 'y' lies below middle 'q' (train.csv line 4) and 'r' (train.csv line 5)"
    assert "nothing = ..." in lines[3]


def test_a_second_parent_is_found_through_other_rows():
    rows = [("a", "", "x"), ("", "b", "x"), ("c", "", "y"), ("", "b", "y"), ("c", "d", "z")]
    with pytest.raises(DataError, match=r"'b' lies below coarse 'a' .*line 2.* and 'c' .*line 4"):
        task(rows)
    # as a class, a cell without a label is the parent of what is below it
    with pytest.raises(DataError, match=r"'x' lies below middle 'p' .* and 'nothing'"):
        task([("a", "p", "x"), ("a", "", "x"), ("b", "q", "y")], missing="class")


def test_a_word_for_no_label_is_told_by_the_user():
    rows = [tuple(name or "-1" for name in row) for row in FACES]
    with pytest.raises(DataError, match=r"middle '-1' lies below|fine '-1' lies below(.|\n)*nothing = "):
        task(rows)
    for missing, word in product(("ignore", "class"), ("-1", None)):
        given_rows = rows if word else FACES
        made = task(given_rows, missing=missing, nothing=word)
        assert len(made.tree.paths) == 5
        logits = {level: torch.zeros(1, labels) for level, labels in made.heads.items()}
        logits["coarse"][0, 1] = 9  # mask
        if missing == "class":
            assert made.spaces[1].labels[-1] == made.spaces[2].labels[-1] == (word or "nothing")
            assert "nothing" not in made.spaces[0].labels
        assert made.rows(made.decide(logits)) == [
            {"coarse": "mask", "middle": word or "", "fine": word or ""}
        ]
        assert made.allowed["fine"] == ("boy", "old", word or "")
        assert made.allowed["coarse"] == ("bare", "mask", "wrong")


def test_facts_become_targets_and_a_missing_level_a_row_of_zeros():
    rows = [("mask", "", ""), ("bare", "man", "old"), ("", "man", ""), ("", "", "boy")]
    made = targets(task(), rows)
    assert made["coarse"].tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 0], [0, 0, 0]]
    assert made["middle"].tolist() == [[0, 0, 0], [0, 1, 0], [0, 1, 0], [0, 0, 0]]
    assert made["fine"].tolist() == [[0, 0], [0, 1], [0, 0], [1, 0]]
    as_class = targets(task(missing="class"), rows[:2])
    assert as_class["middle"].tolist() == [[0, 0, 0, 1], [0, 1, 0, 0]]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (("bear", "man", "boy"), "coarse 'bear' is not one of bare, mask, wrong. Did you mean 'bare'?"),
        (("mask", "man", "boy"), "mask > man > boy is not a path of the tree; bare > man > boy is one"),
        (("mask", "man", ""), "middle 'man' lies below coarse 'bare' in the tree, not below 'mask'"),
        (("mask", "", "boy"), "fine 'boy' lies below coarse 'bare' in the tree, not below 'mask'"),
        (("", "", ""), "there is no label on any level"),
    ],
)
def test_labels_that_contradict_the_tree_are_refused(row, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        task().encode(dict(zip(LEVELS, row, strict=True)))
    assert str(caught.value) == message


def test_a_branch_without_nothing_has_no_such_path():
    with pytest.raises(ValueError, match="bare > nothing > nothing is not a path"):
        task(missing="class").encode({"coarse": "bare", "middle": "", "fine": ""})
    with pytest.raises(ValueError, match="no column 'fine'"):
        task().encode({"coarse": "bare", "middle": ""})


@given(rows_of_trees(), st.sampled_from(["ignore", "class"]))
def test_what_a_run_keeps_makes_the_same_task_without_the_table(rows, missing):
    if missing == "class":
        rows = [row for row in rows if "" not in row[: len("".join(n and "x" for n in row))]]
    odd = {"a": 'a, "b" > c', "b": "b # ; [c]", "": ""}
    rows = [tuple(odd.get(name, name) for name in row) for row in rows]
    made = task(rows, levels=levels_of(rows), missing=missing)
    text = made.resolved["tree"]
    assert "#" not in text
    assert ";" not in text  # which an ini file would take for comments
    component = Component.of("HierarchyTask", levels=made.tree.levels, missing=missing, tree=text)
    again = TASKS.build(component, root="unused", rows_found=None)
    assert again.tree == made.tree
    assert again.heads == made.heads
    assert again.resolved == made.resolved
    assert str(TreeText.from_text(text)) == text


def test_the_tree_may_stand_in_a_file(tmp_path):
    with open(tmp_path / "tree.csv", "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(
            [("note", *LEVELS), *(("", *row) for row in [*FACES, ("bare", "man", "new")])]
        )
    made = task([], tmp_path, tree="tree.csv")
    assert made.spaces[2].labels == ("boy", "new", "old")
    assert TreeText.from_text(made.resolved["tree"]).file is None
    (tmp_path / "tree.csv").write_text("coarse,middle,fine\na,p,x\nb,p,y\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"'a' \(tree.csv line 2\) and 'b' \(tree.csv line 3\)"):
        task([], tmp_path, tree="tree.csv")
    with pytest.raises(DataError, match="no file"):
        task([], tmp_path, tree="other.csv")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"levels": ("coarse",)}, "two or more different columns"),
        ({"levels": ("coarse", "coarse")}, "two or more different columns"),
        ({"levels": ("coarse", "type")}, "levels: type can't be the name of a head"),
        ({"levels": ("coarse", "v1.0")}, "levels: v1.0 can't be the name of a head"),
        ({"tree": "[[1]]"}, "not a list of paths"),
        ({"tree": '[["a"'}, "not paths such as"),
        ({"tree": '[["a", "b", "c", "d"]]'}, "more labels than there are levels"),
        ({"decide": "leaf"}, "'leaf' is not one of"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        TASKS.build(Component.of("HierarchyTask", **{"levels": LEVELS} | options), root="x", rows_found=list)


def test_levels_that_are_empty_or_not_there_are_refused():
    with pytest.raises(DataError, match=r"level 'fine' has 0 label\(s\)"):
        task([("a", "b", ""), ("c", "d", "")])
    with pytest.raises(DataError, match=r"level 'coarse' has 1 label\(s\) \(a\): there is nothing to tell"):
        task([("a", "b", "x"), ("a", "c", "y")])
    component = Component.of("HierarchyTask", levels=("coarse", "midle"))
    rows = [("t line 2", {"coarse": "a", "middle": "b"})]
    with pytest.raises(DataError, match=r"no column 'midle' for \[task\] levels. Did you mean 'middle'"):
        TASKS.build(component, root="x", rows_found=lambda: rows)


@pytest.mark.parametrize("decide", ["level", "path"])
def test_scores_are_sklearns_on_the_labelled_images(decide):
    made = task(decide=decide)
    generator = np.random.default_rng(4)
    rows = [FACES[n] for n in generator.integers(0, len(FACES), 60)] + [("", "man", ""), ("bare", "", "")]
    true, logits = targets(made, rows), drawn(made, len(rows), 5)
    said = made.rows(made.decide(logits))
    scores = made.scores(logits, true)
    for level, place in zip(LEVELS, range(3), strict=True):
        labels = list(made.spaces[place].labels)
        known = [n for n, row in enumerate(rows) if row[place]]
        t, s = [rows[n][place] for n in known], [said[n][level] for n in known]
        f1 = f1_score(t, s, labels=labels, average=None, zero_division=0)
        assert [scores[f"{level}/f1/{label}"] for label in labels] == pytest.approx(f1)
        assert scores[f"{level}/macro_f1"] == pytest.approx(f1.mean())
        assert scores[f"{level}/accuracy"] == pytest.approx(accuracy_score(t, s))
        confusion = made.confusions(made.decide(logits), true)[level]
        assert confusion.images.tolist() == [t.count(label) for label in labels]
        for row, column in product(range(len(labels)), repeat=2):
            pairs = zip(t, s, strict=True)
            assert confusion.counts[row, column] == list(pairs).count((labels[row], labels[column]))
    for name in ("macro_f1", "accuracy"):
        assert scores[name] == pytest.approx(fmean(scores[f"{level}/{name}"] for level in LEVELS))
    right = [
        all(a in ("", b[v]) for a, v in zip(r, LEVELS, strict=True)) for r, b in zip(rows, said, strict=True)
    ]
    assert scores["path_accuracy"] == pytest.approx(np.mean(right))
    assert sorted(made.mistakes(logits, true).tolist()) == np.flatnonzero(~np.array(right)).tolist()
    agrees = [
        any(all(p in ("", b[v]) for p, v in zip(path, LEVELS, strict=True)) for path in FACES) for b in said
    ]
    assert scores["consistency"] == pytest.approx(np.mean(agrees))
    assert (scores["consistency"] == 1) == (decide == "path")
    assert made.score_names == tuple(scores)


def test_an_image_without_a_label_on_a_level_is_not_scored_there():
    made = task(decide="level")
    rows = [("mask", "", ""), ("bare", "man", "boy")]
    logits = {level: values * 9 for level, values in targets(made, rows).items()}
    assert made.scores(logits, targets(made, rows))["accuracy"] == 1
    first = {level: values * torch.tensor([[1.0], [0.0]]) for level, values in targets(made, rows).items()}
    assert made.scores(logits, first)["path_accuracy"] == 1  # of the one image that is labelled
    nowhere = {level: torch.zeros(2, labels) for level, labels in made.heads.items()}
    assert made.scores(logits, nowhere)["path_accuracy"] == 0
    assert made.scored(nowhere).tolist() == [False, False]
    assert made.mistakes({level: -values for level, values in logits.items()}, nowhere).tolist() == []
    assert made.captions(targets(made, rows)) == ["mask", "bare > man > boy"]
    assert made.captions(nowhere) == ["not labelled"] * 2
    assert made.unscored(targets(made, rows)) == ["coarse/wrong", "middle/he", "middle/she", "fine/old"]


def test_missing_levels_give_no_loss_and_no_gradient_with_weights_as_without():
    made = task()
    labelled = [("bare", "man", "boy"), ("bare", "man", "old"), ("wrong", "she", ""), ("mask", "", "")]
    true = targets(made, labelled)
    power = ClassWeights.from_text("balanced")
    of_classes = {level: power.of(values.sum(dim=0)) for level, values in true.items()}
    logits = {level: values.requires_grad_() for level, values in drawn(made, 4, 2).items()}
    losses = {level: CrossEntropy() for level in LEVELS}
    weights = {"coarse": 1.0, "middle": 2.0, "fine": 5.0}
    total = PerHeadLoss(losses, weights, of_classes)(logits, true)
    total.backward()
    expected = 0.0
    for place, level in enumerate(LEVELS):
        known = [n for n, row in enumerate(labelled) if row[place]]
        gone = [n for n, row in enumerate(labelled) if not row[place]]
        assert not logits[level].grad[gone].any()
        assert bool(logits[level].grad[known].any(dim=1).all())
        classes = true[level][known].argmax(dim=1)
        loss = torch.nn.functional.cross_entropy(logits[level][known], classes, weight=of_classes[level])
        expected += weights[level] / 8 * loss.item()
    assert total.item() == pytest.approx(expected)
    assert of_classes["fine"].tolist() == [1, 1]  # counted from the labelled images alone
    assert of_classes["middle"].tolist() == pytest.approx([0, 3 / 4, 3 / 2])


@pytest.mark.parametrize("name", ["CutMix", "MixUp"])
@pytest.mark.parametrize("missing", ["ignore", "class"])
def test_mixed_targets_agree_with_the_tree(name, missing):
    made = task(missing=missing)
    rows = [row for row in FACES for _ in range(4)]
    if missing == "ignore":
        rows = [row for row in rows if all(row)]  # no level is missing
    mix = AUGMENTATIONS.build(Component.of(name, probability=1), size=(8, 8), epochs=2, heads=made.heads)
    before = targets(made, rows)
    _, mixed = mix(torch.rand(len(rows), 3, 8, 8), before, Chance(torch_generator("test", 7), 0.0))
    assert not torch.equal(mixed["fine"], before["fine"])
    assert_shares_add_up(made, mixed)


def assert_shares_add_up(made, mixed):
    """A parent's share is the sum of its children's, but for nothing, which has many parents."""
    for upper, lower in zip(made.spaces, made.spaces[1:], strict=False):
        at = made.tree.levels.index(upper.name)
        for place, parent in enumerate(upper.labels):
            below = {path[at + 1] for path in made.tree.paths if path[at] == parent}
            if "nothing" not in below and "" not in below:
                children = sum(mixed[lower.name][:, lower.labels.index(child)] for child in below)
                assert torch.allclose(mixed[upper.name][:, place], children, atol=1e-6)


class TestTable:
    """The table that the data set reads."""

    def write(self, root, rows, columns=("path", *LEVELS)):
        (root / "train").mkdir()
        for row in rows:
            (root / "train" / row[0]).touch()
        with open(root / "train.csv", "w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([columns, *rows])

    def read(self, root, relabel=None, **options):
        corrections = {} if relabel is None else {"relabel": relabel}
        component = Component.of("CsvDataset", folds=2, **corrections)
        rows = DATASETS.get("CsvDataset").table_rows
        made = TASKS.build(
            Component.of("HierarchyTask", levels=LEVELS, **options),
            root=root,
            rows_found=lambda: rows(**DATASETS.arguments(component, root=root)),
        )
        return made, DATASETS.build(component, root=root, task=made, seed=0)

    def test_labels_and_tree_are_read_from_the_training_table(self, tmp_path):
        self.write(tmp_path, [(f"{n}.png", *row) for n, row in enumerate(FACES)])
        made, data = self.read(tmp_path)
        assert made.tree.paths == grow(LEVELS, [("", row) for row in FACES]).paths
        assert made.captions(data.targets) == [
            "mask",
            "wrong > he",
            "wrong > she",
            "bare > man > boy",
            "bare > man > old",
        ]

    def test_rows_that_contradict_a_given_tree_are_all_named(self, tmp_path):
        self.write(
            tmp_path, [("0.png", "mask", "man", ""), ("1.png", "bare", "man", "boi"), ("2.png", *FACES[3])]
        )
        tree = str(TreeText(tuple(FACES)))
        with pytest.raises(DataError) as caught:
            self.read(tmp_path, tree=tree)
        message = str(caught.value)
        assert "line 2: middle 'man' lies below coarse 'bare'" in message
        assert "line 3: fine 'boi' is not one of boy, old. Did you mean 'boy'?" in message

    def test_labels_of_any_level_are_corrected_for_training_only(self, tmp_path):
        self.write(tmp_path, [(f"{n}.png", *row) for n, row in enumerate([*FACES, *FACES])])
        relabel = tmp_path / "relabel.csv"

        def captions(*rows):
            relabel.write_text("profile,field,value,reason\n" + "".join(f"{row},seen\n" for row in rows))
            made, data = self.read(tmp_path, relabel=relabel)
            assert made.tree.paths == task().tree.paths
            assert made.captions(data.targets) == made.captions(targets(made, [*FACES, *FACES]))
            return made.captions(data.train_targets)

        true = captions("0.png,coarse,mask")  # which it is already
        found = captions("1.png,coarse,bare", "1.png,middle,man", "1.png,fine,old", "3.png,fine,")
        assert found[1] == "bare > man > old"
        assert found[3] == "bare > man"  # not labelled on the finest level
        assert [new == old for new, old in zip(found, true, strict=True)].count(False) == 2
        for row, words in (
            ("0.png,midle,man", "field 'midle' is not one of coarse, middle, fine"),
            ("1.png,middle,man", r"relabel\.csv[^$]*1\.png: middle 'man' lies below coarse 'bare'"),
        ):
            with pytest.raises(DataError, match=words):
                captions(row)

    def test_a_layout_without_rows_says_so(self, tmp_path):
        with pytest.raises(ConfigError, match=r"FolderDataset has no table .* CsvDataset"):
            DATASETS.get("FolderDataset").table_rows(root=tmp_path)
