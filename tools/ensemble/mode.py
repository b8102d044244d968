"""Makes one prediction of several finished runs, from what they saved: nothing is trained or run again."""

import logging
from argparse import ArgumentParser, Namespace

from experiment.mode import MODES, Mode
from experiment.names import chosen_name
from experiment.read_settings import key_of, read_settings
from experiment.run_folder import FINISHED, create_run
from tools.ensemble.choose import choose
from tools.ensemble.made import settings_of, what_is_shared, write_run
from tools.ensemble.pool import Pool, find_members
from tools.ensemble.settings import EnsembleSettings
from utils.command import podium
from utils.errors import ConfigError

log = logging.getLogger("podium")
_SUFFIX = "_ensemble"


@MODES.register
class Ensemble(Mode):
    """Make one prediction of several finished runs, given by version or path or in [ensemble] runs.

    Leaves runs/<name>_ensemble/<version> by the name of its members, or that of --set run.name=..., for
    --mode infer and compare.
    """

    may_set = ("paths", "ensemble", "run.name")

    @classmethod
    def options(cls, parser: ArgumentParser) -> None:
        parser.add_argument("runs", nargs="*", metavar="RUN", help="each by version, path or name/version")

    def run(self, arguments: Namespace) -> None:
        here = read_settings(arguments)
        named = [text for text in arguments.overrides if key_of(text) != "run.name"]
        name = read_settings(arguments, named).run.name
        wanted = arguments.runs or here.of_tool(EnsembleSettings).runs
        if not wanted:
            raise ConfigError(
                "--mode ensemble needs runs: python run.py --mode ensemble RUN RUN ..., or [ensemble] runs"
            )

        folders = find_members(here.paths.runs, name, wanted)
        paths = [text for text in arguments.overrides if key_of(text).startswith("paths.")]
        pool = Pool.read(folders, paths)
        log.info("\n%s", what_is_shared(pool))
        if pool.leaks():
            log.warning(
                "LEAK: a member began with a run that was trained on who validates here. The scores say "
                "nothing."
            )

        choice = choose(pool, here.of_tool(EnsembleSettings))
        log.info("\n%s\n", choice.report)

        name = chosen_name(here.run.name, name, [run.folder for run in pool.runs], _SUFFIX)
        settings = settings_of(pool, choice, name, here.paths.runs)
        folder = create_run(here.paths.runs, name, lambda new: write_run(new, pool, choice, settings))
        log.info(
            "Scores:      %s\nPredict:     %s", folder / FINISHED, podium("--mode", "infer", "--run", folder)
        )
