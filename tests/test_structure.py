"""What the source itself must keep: sizes, names, docstrings, and no pickle."""

import ast
import inspect
import subprocess
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from dataset.augmentation.base import AUGMENTATIONS
from dataset.croppers.base import CROPPERS
from dataset.readers.base import DATASETS
from dataset.readers.test_dataset import TEST_DATASETS
from dataset.samplers.base import SAMPLERS
from dataset.submissions.base import SUBMISSIONS
from dataset.tasks.base import TASKS
from experiment.mode import MODES
from inference.engines.base import ENGINES
from inference.views.base import VIEWS
from loss.base import LOSSES
from models.base import MODELS
from models.conditionings.base import CONDITIONINGS
from models.heads.base import HEADS
from schedulers.base import SCHEDULERS
from tools.ensemble.decisions.base import DECISIONS
from tools.ensemble.methods.base import ENSEMBLES
from train.callbacks.base import CALLBACKS
from train.optimizers.base import OPTIMIZERS
from utils.registry import Registry

ROOT = Path(__file__).parents[1]
FOLDERS = ("utils", "dataset", "models", "loss", "schedulers", "train", "inference", "experiment", "tools")
SOURCES = [ROOT / "run.py", *(path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py")))]
READ = [*SOURCES, *sorted((ROOT / "benchmarks").glob("*.py"))]  # by people, as well as the sources
REGISTRIES: list[Registry] = [
    AUGMENTATIONS, CALLBACKS, CONDITIONINGS, CROPPERS, DATASETS, DECISIONS, ENGINES, ENSEMBLES, HEADS, LOSSES,
    MODELS, MODES, OPTIMIZERS, SAMPLERS, SCHEDULERS, SUBMISSIONS, TASKS, TEST_DATASETS, VIEWS,
]  # fmt: skip


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def nodes(path: Path) -> list[ast.AST]:
    return list(ast.walk(tree(path)))


@cache
def names_used(path: Path) -> frozenset[str]:
    """Dotted names that are read, called or imported, such as ``torch.load`` and ``pickle``."""
    used = set()
    for node in nodes(path):
        if isinstance(node, ast.Attribute):
            used.add(ast.unparse(node))
        elif isinstance(node, ast.Import):
            used |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            used |= {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(used)


def calls(path: Path) -> list[ast.Call]:
    return [node for node in nodes(path) if isinstance(node, ast.Call)]


def test_the_source_was_found() -> None:
    assert len(SOURCES) > 80
    assert {named(path).partition("/")[0] for path in SOURCES} == {"run.py", *FOLDERS}


def test_git_holds_no_file_that_it_is_told_to_ignore() -> None:
    command = ["git", "ls-files", "--cached", "--ignored", "--exclude-standard"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.SubprocessError):
        pytest.skip("needs git, and a clone")
    assert done.stdout == ""  # such as what a tracker left there


def test_every_module_says_what_it_is() -> None:
    assert [named(path) for path in SOURCES if not ast.get_docstring(tree(path))] == []


def test_modules_keep_to_their_length() -> None:
    most = {"run.py": 120, "train/trainer.py": 120}
    lines = {named(path): len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES}
    assert {name: count for name, count in lines.items() if count > most.get(name, 300)} == {}


def functions(path: Path) -> list[ast.FunctionDef]:
    return [node for node in nodes(path) if isinstance(node, ast.FunctionDef)]


def statements(function: ast.FunctionDef) -> int:
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return sum(isinstance(node, ast.stmt) for part in body for node in ast.walk(part))


# Lines would invite to pack them; ruff counts the same (PLR0915), without those of nested functions.
def test_functions_have_at_most_30_statements() -> None:
    long = {f"{named(path)} {f.name}": statements(f) for path in SOURCES for f in functions(path)}
    assert {name: count for name, count in long.items() if count > 30} == {}


def without_a_paragraph(path: Path) -> list[str]:
    """Return the functions whose bodies have 15 lines or more and no blank one."""
    lines = path.read_text(encoding="utf-8").splitlines()
    packed = []
    for function in functions(path):
        body = function.body[1:] if ast.get_docstring(function) else function.body
        text = lines[body[0].lineno - 1 : body[-1].end_lineno] if body else []
        if len(text) >= 15 and all(line.strip() for line in text):
            packed.append(f"{named(path)} {function.name}")
    return packed


def test_a_body_of_15_lines_has_paragraphs() -> None:
    assert [name for path in READ for name in without_a_paragraph(path)] == []


# Words that say nothing of what they stand for, where a noun of the field does.
BARE = frozenset(("found", "of", "one", "own", "place", "said"))
# What people write and read: an argument, a line of JSON, a key of [metric], and a column of the ledger.
OF_FILES = {
    "benchmarks/growth.py": "of",
    "benchmarks/rows.py": "of",
    "experiment/metric_settings.py": "of",
    "tools/submissions/entry.py": "own",
}


def bare_names(module: ast.Module) -> list[str]:
    """Return what has such a name; only a class method ``of``, which makes an object of something, may."""
    names = []
    for node in ast.walk(module):
        name = ""
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            name = node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            name = node.attr
        elif isinstance(node, ast.arg):
            name = node.arg
        elif isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name != "of":
            name = node.name.lower()
        if name.lstrip("_") in BARE:
            names.append(f"line {node.lineno} {name}")
    return names


def test_nothing_has_a_name_that_says_nothing() -> None:
    names = []
    for path in READ:
        bare = [name for name in bare_names(tree(path)) if name.split()[-1] != OF_FILES.get(named(path))]
        names += [f"{named(path)} {name}" for name in bare]
    assert names == []


@pytest.mark.parametrize(
    "text",
    [
        "found = 1", "def f(own): pass", "[of for of in x]", "(one := 2)", "a.found = 4", "_place = 1",
        "def said(): pass", "class A:\n    own: int", "class Found: pass",
    ],
)  # fmt: skip
def test_the_search_for_such_names_finds_them(text: str) -> None:
    assert bare_names(ast.parse(text))


@pytest.mark.parametrize("text", ["ends = 1", "print(one)", "f(place=3)", "print(a.found)", "def of(): pass"])
def test_the_search_for_such_names_leaves_others_alone(text: str) -> None:
    assert not bare_names(ast.parse(text))


def names_of_types(module: ast.Module) -> list[str]:
    """Return the names of a module's classes, wherever they are, and of its aliases of types, at its top.

    A leading ``_`` doesn't tell two of them apart for a reader.
    """
    names = [node.name.lstrip("_") for node in ast.walk(module) if isinstance(node, ast.ClassDef)]
    for node in module.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        name = target.id.lstrip("_") if isinstance(target, ast.Name) else ""
        if name[:1].isupper() and not name.isupper():  # constants are upper case, values lower case
            names.append(name)
    return names


# A config names both, each in a section of its own; or one of them, and classes of the team the other.
NAMED_BY_PEOPLE = {
    "MAE": "a metric, and a loss",
    "Positive": "[submission] name, and the type of a key above 0",
    "QuarterTurns": "an augmentation, and a view",
    "VerticalFlip": "an augmentation, and a view",
}


def test_no_two_types_share_a_name() -> None:
    modules: dict[str, list[str]] = {}
    for path in READ:
        for name in names_of_types(tree(path)):
            modules.setdefault(name, []).append(named(path))
    twice = {name: paths for name, paths in modules.items() if len(paths) > 1}
    assert {name: paths for name, paths in twice.items() if name not in NAMED_BY_PEOPLE} == {}
    assert twice.keys() == NAMED_BY_PEOPLE.keys()  # an exception that is none any more


@pytest.mark.parametrize(
    "text",
    [
        "class Size: pass", "class _Size: pass", "def f():\n    class Size: pass", "Size = tuple[int, int]",
        "Size: TypeAlias = int", "_Size = NDArray[Any]",
    ],
)  # fmt: skip
def test_the_search_for_types_finds_them(text: str) -> None:
    assert names_of_types(ast.parse(text)) == ["Size"]


@pytest.mark.parametrize(
    "text", ["SIZE = 1", "size = int", "def f():\n    Size = 1", "_SIZE = (1, 2)", "a.Size = 1"]
)
def test_the_search_for_types_leaves_others_alone(text: str) -> None:
    assert names_of_types(ast.parse(text)) == []


def imported_modules(module: ast.Module, there: set[str]) -> set[str]:
    """Return which modules of ``there`` a source imports: at its top, late, or for its types alone."""
    names = set()
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"  # ``from train import checkpoint`` is of a module
                names.add(whole if whole in there else str(node.module))
    return names & there


def circle(imports: dict[str, set[str]]) -> list[str]:
    """Return modules that import one another in a ring, the first again at the end; or none."""
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


# For the types alone: a form is asked about a task, and a task carries its form.
CIRCLES = ("dataset.submissions.base", "dataset.submissions.template")


def test_no_modules_import_one_another_in_a_ring() -> None:
    modules = {named(path).removesuffix(".py").replace("/", "."): path for path in SOURCES}
    imports = {name: imported_modules(tree(path), set(modules)) for name, path in modules.items()}
    assert circle({name: others for name, others in imports.items() if name not in CIRCLES}) == []


def test_the_search_for_rings_finds_late_imports_and_those_of_types() -> None:
    late = ast.parse("def f():\n    from a import b\n    return b")
    typed = ast.parse("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import c")
    there = {"a.b", "c"}
    assert imported_modules(late, there) == {"a.b"}
    assert imported_modules(typed, there) == {"c"}
    assert set(circle({"a.b": {"c"}, "c": {"d"}, "d": {"a.b"}})) == {"a.b", "c", "d"}
    assert circle({"a.b": {"c", "d"}, "c": {"d"}, "d": set()}) == []


COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def test_no_expression_has_three_comprehensions() -> None:
    crowded = []
    for path in SOURCES:
        for node in nodes(path):
            if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.Return | ast.Expr):
                count = sum(isinstance(part, COMPREHENSIONS) for part in ast.walk(node))
                if count >= 3:
                    crowded.append(f"{named(path)} line {node.lineno}")
    assert crowded == []


def test_every_class_that_a_config_can_name_has_its_own_docstring_and_keyword_only_options() -> None:
    for registry in REGISTRIES:
        assert registry.names()
        for name in registry.names():
            cls = registry.get(name)
            assert "__doc__" in vars(cls), name
            assert inspect.cleandoc(vars(cls)["__doc__"] or ""), name
            parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
            given = [p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
            assert all(p.kind is p.KEYWORD_ONLY for p in given), name


FORBIDDEN = {
    "pickle": "no pickle on any load path",
    "pickle.load": "no pickle on any load path",
    "pickle.loads": "no pickle on any load path",
    "pickle.Unpickler": "no pickle on any load path",
    "torch.load": "weights are safetensors; only models/weights_file.py reads others, and runs nothing",
    "torch.save": "it writes pickle",
    "nn.DataParallel": "defect 13: its .module prefix stays in checkpoints",
    "torch.nn.DataParallel": "defect 13: its .module prefix stays in checkpoints",
    "random": "everything random comes from (purpose, seed, epoch, batch): utils/seeds.py",
    "np.random.seed": "everything random comes from (purpose, seed, epoch, batch): utils/seeds.py",
    "os.listdir": "trap: its order is the file system's",
    "matplotlib.pyplot": "trap: it keeps every figure alive",
}


def test_no_module_uses_what_lost_other_teams_their_work() -> None:
    found = [f"{named(path)}: {name}" for path in SOURCES for name in names_used(path) & FORBIDDEN.keys()]
    only_looks = "utils/seeds.py: random"  # whether somebody else drew
    assert sorted(found) == ["models/weights_file.py: torch.load", only_looks]


def test_the_one_place_that_reads_other_files_of_weights_runs_nothing_of_them() -> None:
    found = [
        call for call in calls(ROOT / "models" / "weights_file.py") if ast.unparse(call.func) == "torch.load"
    ]
    assert [{k.arg: ast.unparse(k.value) for k in call.keywords}["weights_only"] for call in found] == [
        "True"
    ]


def test_nothing_is_loaded_with_weights_only_false() -> None:
    for path in SOURCES:
        for call in calls(path):
            given = [ast.unparse(keyword.value) for keyword in call.keywords if keyword.arg == "weights_only"]
            assert set(given) <= {"True"}, f"{named(path)} line {call.lineno}"


def test_asserts_are_in_tests_only() -> None:
    found = [
        f"{named(path)} line {n.lineno}" for path in SOURCES for n in nodes(path) if isinstance(n, ast.Assert)
    ]
    assert found == []


def test_text_is_read_with_its_encoding_named() -> None:
    found = [
        f"{named(path)} line {call.lineno}"
        for path in SOURCES
        for call in calls(path)
        if isinstance(call.func, ast.Attribute)
        and call.func.attr == "read_text"
        and "encoding" not in {keyword.arg for keyword in call.keywords}
    ]
    assert found == []


# Trap "num_classes via timm instead of touching .fc/.head/.classifier" (defect 7).
def test_no_model_replaces_a_classifier_by_its_attribute() -> None:
    for path in sorted((ROOT / "models").glob("*.py")):
        for node in nodes(path):
            if isinstance(node, ast.Assign):
                touched = {target.attr for target in node.targets if isinstance(target, ast.Attribute)}
                assert not touched & {"fc", "head", "classifier", "last_linear"}, named(path)


def test_nothing_asks_what_type_a_models_outputs_are() -> None:
    for name in ("train/trainer.py", "train/validator.py", "inference/predict.py", "loss/base.py"):
        called = {call.func.id for call in calls(ROOT / name) if isinstance(call.func, ast.Name)}
        assert "isinstance" not in called, name


# What writes to a disk, as the last name of a call; ``replace`` is a text's as well.
WRITERS = frozenset(
    [
        "FileHandler",
        "NamedTemporaryFile",
        "SummaryWriter",
        "TemporaryDirectory",
        "TemporaryFile",
        "chmod",
        "copy2",
        "copyfile",
        "copytree",
        "dump",
        "ftruncate",
        "hardlink_to",
        "imwrite",
        "makedirs",
        "mkdir",
        "mkdtemp",
        "mkstemp",
        "os.open",
        "os.remove",
        "os.replace",
        "pwrite",
        "rename",
        "rmdir",
        "rmtree",
        "save",
        "save_file",
        "savefig",
        "savez",
        "symlink_to",
        "to_csv",
        "tofile",
        "touch",
        "truncate",
        "unlink",
        "write_bytes",
        "write_text",
    ]
)
# Who may, since utils/durable.py is around it, or since nothing depends on it.
MAY_WRITE = {
    "dataset/images/file_bytes.py": {"os.open"},  # only to read
    "dataset/images/pixel_files.py": {"os.open", "truncate", "pwrite"},  # the pixels, inside of ``writing``
    "inference/engines/onnx_file.py": {"save"},  # into the temporary file of ``write_durably``
    "train/callbacks/events.py": {"SummaryWriter"},  # given up when it fails
    "experiment/time_limit.py": {"TemporaryDirectory"},  # to measure how long a checkpoint takes
    "experiment/run_folder.py": {"TemporaryFile"},  # to find out whether a run can be written
    "tools/share/remote.py": {"makedirs"},  # of fsspec's, where every error is one sentence
    "tools/workers/processes.py": {"open"},  # what a worker prints, for a person to look at
    "tools/workers/slurm_job.py": {"open"},  # the same; it imports nothing of ours
    "tools/workers/ray.py": {"tarfile.open"},  # into memory
    # On a node, whose files are gone when its task is: they are kept where they come to.
    "tools/workers/ray_task.py": {"TemporaryDirectory", "mkdir", "write_bytes", "open"},
    "utils/logs.py": {"FileHandler"},  # given up when it fails
    "utils/native_messages.py": {"TemporaryFile", "open"},  # of what decoders print
    "utils/run_turns.py": {"os.open"},  # empty files for locks, where the system keeps what may go
    "utils/terminal.py": {"os.open"},  # of /dev/null
}


def writes(call: ast.Call) -> str:
    """Return what a call writes with, or ""."""
    name = ast.unparse(call.func)
    last = name.rpartition(".")[2]
    if name == "open" or (last == "open" and name != "os.open"):
        modes = [*call.args[name == "open" :], *(k.value for k in call.keywords if k.arg == "mode")]
        given = {str(mode.value) for mode in modes if isinstance(mode, ast.Constant)}
        return name if any(set(mode) & set("wax+") and len(mode) < 4 for mode in given) else ""
    if name in WRITERS:
        return name if "." in name or name not in {"write_bytes", "write_text", "remove"} else ""
    if last == "save" and name in {"checkpoint.save", "self.save"}:
        return ""
    return last if last in WRITERS and "." in name else ""


def test_nothing_writes_past_the_one_durable_writer() -> None:
    found = []
    for path in SOURCES:
        if named(path) == "utils/durable.py":
            continue
        used = {name: call.lineno for call in calls(path) if (name := writes(call))}
        found += [
            f"{named(path)} line {line}: {name}"
            for name, line in used.items()
            if name not in MAY_WRITE.get(named(path), ())
        ]
    assert found == []


@pytest.mark.parametrize(
    "text",
    [
        "open(path,'w')",
        "path.open('ab')",
        "open(path,mode='x')",
        "path.write_text('a')",
        "os.replace(a,b)",
        "path.mkdir()",
        "shutil.rmtree(path)",
        "np.savez(path)",
        "cv2.imwrite(path,image)",
        "frame.to_csv(path)",
        "json.dump(value,file)",
        "array.tofile(path)",
        "tempfile.mkdtemp()",
        "os.open(path,flags)",
        "safetensors.torch.save_file(a,b)",
        "save_file(a,b)",
        "onnx.save(model,path)",
    ],
)
def test_the_search_for_writers_finds_them(text: str) -> None:
    assert writes(ast.parse(text).body[0].value)


@pytest.mark.parametrize(
    "text", ["open(path)", "path.open('rb')", "text.replace('a', 'b')", "write_text(path, 'a')"]
)
def test_the_search_for_writers_leaves_readers_alone(text: str) -> None:
    assert not writes(ast.parse(text).body[0].value)


def test_json_of_our_own_is_read_in_one_place() -> None:
    may = {"utils/read_json.py", "utils/durable.py", "train/checkpoint.py"}
    may |= {
        "dataset/tasks/tree.py",
        "dataset/tasks/cells.py",
        "dataset/tasks/column_values.py",
    }  # a config's text, and cells of the organiser's tables
    may |= {"models/weights_shards.py"}  # the hub's
    used = {named(path) for path in SOURCES if names_used(path) & {"json.loads", "json.load"}}
    assert used <= may
