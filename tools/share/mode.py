"""Sends the weights of runs to where a team shares them, and fetches those of others."""

import logging
from argparse import ArgumentParser, Namespace
from pathlib import Path

from experiment.mode import MODES, Mode
from experiment.read_settings import read_settings
from experiment.run_folder import find_run
from experiment.settings import Settings
from tools.share.remote import Remote
from tools.share.settings import ShareSettings
from tools.share.weights import NAME, read_weights, weights_of, write_weights
from utils.durable import sha256_of
from utils.errors import ConfigError

log = logging.getLogger("podium")


@MODES.register
class Push(Mode):
    """Send the best weights of finished runs to [share] url, each file under its SHA-256.

    What git then carries is weights.json in the run's folder: commit it.
    """

    takes = ("run",)

    @classmethod
    def options(cls, parser: ArgumentParser) -> None:
        _options(parser)

    def run(self, arguments: Namespace) -> None:
        settings, folders = _asked(arguments)
        url = _url(arguments, settings)
        if url is None:
            raise ConfigError("--mode push: write [share] url = FOLDER or s3://BUCKET/NAME, or --url.")
        remote = Remote.of(url)
        for folder in folders:
            files = weights_of(folder)
            new = [remote.put(folder / name, facts["sha256"]) for name, facts in files.items()]
            write_weights(folder, url, files)
            size = sum(facts["size"] for facts in files.values()) / 1e6
            log.info(
                "%s: %d files (%.1f MB), %d of them new, are at %s. Commit %s.",
                folder, len(files), size, sum(new), url, folder / NAME,
            )  # fmt: skip


@MODES.register
class Pull(Mode):
    """Fetch the weights of runs that a teammate pushed, and check each by its SHA-256."""

    takes = ("run",)

    @classmethod
    def options(cls, parser: ArgumentParser) -> None:
        _options(parser)

    def run(self, arguments: Namespace) -> None:
        settings, folders = _asked(arguments)
        for folder in folders:
            pushed, files = read_weights(folder)
            remote = Remote.of(_url(arguments, settings) or pushed)
            missing = {
                name: facts["sha256"] for name, facts in files.items() if not _is_here(folder / name, facts)
            }
            # The JSON of a checkpoint says that its weights are whole, so it comes after them.
            for name in sorted(missing, key=lambda name: name.endswith(".json")):
                remote.get(missing[name], folder / name)
            log.info("%s: %d files fetched, %d were here.", folder, len(missing), len(files) - len(missing))


def _is_here(path: Path, facts: dict[str, object]) -> bool:
    return path.is_file() and path.stat().st_size == facts["size"] and sha256_of(path) == facts["sha256"]


def _options(parser: ArgumentParser) -> None:
    parser.add_argument("runs", nargs="*", metavar="RUN", help="by version or path (default: the newest)")
    parser.add_argument("--url", metavar="URL", help="where weights are kept; default: [share] url")


def _asked(arguments: Namespace) -> tuple[Settings, list[Path]]:
    settings = read_settings(arguments)
    named = [*([] if arguments.run is None else [arguments.run]), *arguments.runs]
    runs, name = settings.paths.runs, settings.run.name
    return settings, [find_run(runs, name, which, finished=True) for which in named or [None]]


def _url(arguments: Namespace, settings: Settings) -> str | None:
    return arguments.url or settings.of_tool(ShareSettings).url
