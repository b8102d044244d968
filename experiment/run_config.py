"""The config of a run that is there, as it holds today: a run knows its data, whoever asks it and from where.

Relative paths in it are meant from the folder in which it was trained.
"""

import os
from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiment.command_line import CONFIG
from experiment.environment import environment
from experiment.read_settings import data_source, key_of, put_over, read_sections, settings_from
from experiment.run_folder import find_run, is_run, read_environment
from experiment.section import tool_sections
from experiment.settings import CHOSEN, FIXED, Settings, here_sections, is_here, keys_of
from train.callbacks.base import CALLBACKS
from utils.convert import convert
from utils.errors import ConfigError
from utils.ini import IniSection, Sections, Value, put, read_ini

_FROM_DATA = ("pseudo.images",)  # paths that are meant from the data folder
_RUNS = ("train.final",)  # texts that name a run, by its path as a rule
_MADE_OF = ("", "_ensemble", "_soup")  # what the name of a run that is made of a config's runs ends with


def read_run(folder: Path, overrides: Sequence[str] = ()) -> Sections:
    """Return the sections of a run's config, with the environment's paths and ``--set`` over them."""
    sections = _as_trained(folder)
    put_over(sections, overrides)
    return sections


def run_settings(folder: Path, overrides: Sequence[str] = ()) -> Settings:
    """Return the settings of a run, with the environment's paths and ``--set`` over them."""
    return settings_from(read_run(folder, overrides), str(folder / CONFIG))


@dataclass(frozen=True, slots=True)
class AskedRun:
    """The run that a command line asks for, and the config that it names beside it."""

    arguments: Namespace
    sections: Sections  # of the config in the working folder, or of --config
    here: Settings

    @classmethod
    def of(cls, arguments: Namespace) -> "AskedRun":
        """Return what a command line says; without one there, the run's own config stands for it.

        Raises:
            ConfigError: there is no config, or it is wrong.
        """
        path, runs = arguments.config, getattr(arguments, "runs", [])
        named = arguments.run if arguments.run is not None else next(iter(runs), None)
        if named is not None and path == CONFIG and not path.exists():
            parent = Path(environment().get("PODIUM_RUNS") or "runs")
            folder = find_run(parent, "run", named, finished=True)
            path, sections = folder / CONFIG, read_run(folder, arguments.overrides)
        else:
            sections = read_sections(path, arguments.overrides)
        return cls(arguments, sections, settings_from(sections, str(path)))

    def folder(self) -> Path:
        """Return the folder of the finished run that --run names, or of the newest one."""
        return find_run(self.here.paths.runs, self.here.run.name, self.arguments.run, finished=True)

    def config_of(self, folder: Path) -> Sections:
        """Return a run's config, with what is another one today put over what it was.

        Its data and eval images are its own, unless --set or PODIUM_DATA names others. A config with its name
        and its data is its own as well, edited since: its eval images and how it predicts are from there.
        How it predicts is also taken from any config that --config names.
        """
        overrides = self.arguments.overrides
        trained, sections = _as_trained(folder), self.sections
        edited = self._is_its_own(settings_from(trained, str(folder / CONFIG)))
        if edited or self.arguments.config != CONFIG:
            left = ("paths",) if edited else ("paths", "test_dataset", "submission")
            trained |= {
                name: section for name, section in sections.items() if is_here(name) and name not in left
            }
            _take(trained, sections, "pseudo", ("images",))
            _take(trained, sections, "paths", ("runs", "cache"))
        else:
            put(trained, "paths", "runs", Value(str(_runs_of(folder)), "where the run lies"))
        put_over(trained, [text for text in overrides if key_of(text).partition(".")[0] in here_sections()])
        return trained

    def _is_its_own(self, trained: Settings) -> bool:
        here = self.here
        if trained.run.name not in [here.run.name + ending for ending in _MADE_OF]:
            return False
        if data_source(self.arguments.overrides) is not None:
            return True
        return here.paths.data.resolve() == trained.paths.data.resolve()

    def images(self, settings: Settings) -> str:
        """Return which folder is read, and who says so.

        Raises:
            ConfigError: it is not there.
        """
        data, named_by = settings.paths.data, data_source(self.arguments.overrides)
        who = "as the run was trained" if named_by is None else f"by {named_by}"
        if not data.exists() and not settings.paths.draw_demo:
            raise ConfigError(
                f"The data folder {data} ({who}) is not there. Name one: --set paths.data=FOLDER, or "
                "PODIUM_DATA=FOLDER in the environment or .env."
            )
        return f"Images of: {data.absolute()} ({who})"


def _take(trained: Sections, today: Sections, section: str, keys: Sequence[str]) -> None:
    """Put some keys of today's config in the place of those of a run's."""
    for key in keys:
        if section in trained:
            trained[section].values.pop(key, None)
        if section in today and key in today[section].values:
            put(trained, section, key, today[section].values[key])


def _as_trained(folder: Path) -> Sections:
    """Return the sections of a run's config; its paths lead where they led when it was trained."""
    sections = read_ini(folder / CONFIG)
    base = trained_in(folder, sections)
    if base.resolve() == Path.cwd().resolve():
        return sections
    for section, key, annotation in _keys(sections):
        value, named = section.values.get(key), f"{section.name}.{key}"
        if value is None or named in _FROM_DATA:
            continue
        path = Path(value.text) if named in _RUNS else _path(value.text, annotation)
        if path is None or path.is_absolute() or (named in _RUNS and not (base / path).is_dir()):
            continue
        section.values[key] = Value(str(base / path), value.origin)
    return sections


def trained_in(folder: Path, sections: Sections) -> Path:
    """Return the working folder in which a run was trained, by the sections of its config.

    That is the one from which [paths] runs leads to it, so that a folder with runs and data can be moved; or
    else the one that the run wrote down, where that is still there.
    """
    value = sections["paths"].values.get("runs") if "paths" in sections else None
    led = Path("runs" if value is None else value.text)
    runs = _runs_of(folder)
    steps = () if led.is_absolute() else led.parts
    if steps and runs.parts[-len(steps) :] == steps:
        return runs.parents[len(steps) - 1]
    try:
        written = read_environment(folder).get("folder")
    except (OSError, ValueError):
        written = None
    return Path(written) if written and Path(written).is_dir() else Path.cwd()


def _runs_of(folder: Path) -> Path:
    """Return the folder of runs that a run lies in; a member lies in the run that it is of."""
    run = Path(os.path.normpath(folder.absolute()))  # without .., but links stay links
    return (run.parent if is_run(run.parent) else run).parent.parent


def _keys(config: Sections) -> Iterator[tuple[IniSection, str, Any]]:
    """Yield each section with each key that it may have, and the key's type."""
    fixed: dict[str, type[Any]] = {**FIXED, **tool_sections()}
    for name, section in config.items():
        kind = name.partition(".")[0]
        if kind in fixed:
            for key, hint in keys_of(fixed[kind]).items():
                yield section, key, hint
        elif kind in CHOSEN or kind == "callback":
            registry = CHOSEN[kind][0] if kind in CHOSEN else CALLBACKS
            named = section.values.get("name")
            cls = named.text if named is not None else name.partition(".")[2]
            if cls in registry.names():
                for key, parameter in registry.schema(cls).items():
                    yield section, key.lower(), parameter.annotation


def _path(text: str, annotation: Any) -> Path | None:
    """Return the path that a value is, if it is one."""
    try:
        value = convert(text, annotation)
    except (TypeError, ValueError):
        return None
    return value if isinstance(value, Path) else None
