"""Where a mode that asks a finished run writes: into the run's folder, or where --out says."""

import os
from dataclasses import dataclass
from pathlib import Path

from experiment.run_folder import is_run
from experiment.settings import PathSettings
from utils.command import podium
from utils.durable import make_folder
from utils.errors import ConfigError, WriteFailed


@dataclass(frozen=True, slots=True)
class Outputs:
    """The folder of a run, and the one that stands for it where nothing can be written there."""

    run: Path
    out: Path | None  # made, and can be written to

    @classmethod
    def of(cls, run: Path, out: str | None, mode: str) -> "Outputs":
        """Return where a mode writes what a run says.

        Raises:
            ConfigError: the run's folder can't be written to and there is no --out, or that can't be either.
        """
        if out is None:
            if not can_write(run):
                command = podium("--mode", mode, "--run", run, "--out", "FOLDER")
                raise ConfigError(
                    f"Nothing can be written into {run}. Say with --out where the results go: {command}"
                )
            return cls(run, None)

        folder = Path(out).expanduser()
        try:
            another = is_run(folder) and folder.resolve() != run.resolve()
            make_folder(folder)
        except (OSError, ValueError, WriteFailed) as error:
            cause = error.__cause__ if isinstance(error, WriteFailed) else error
            reason = cause.strerror if isinstance(cause, OSError) else cause
            raise ConfigError(f"--out {out!r} can't be made: {reason}.") from None
        if another:
            raise ConfigError(f"--out {out} is the folder of another run: name one of its own.")
        if not can_write(folder):
            raise ConfigError(f"--out {out}: nothing can be written there.")
        return cls(run, folder)

    def folder(self, run: Path) -> Path:
        """Return where the results of the run, or of one of its members, go; it is there."""
        if self.out is None:
            return run
        folder = self.out / run.relative_to(self.run)
        make_folder(folder)
        return folder

    def cache(self, paths: PathSettings) -> Path:
        """Return where prepared images are kept."""
        return paths.cache if self.out is None or can_write(paths.cache) else self.out / ".cache"


def can_write(folder: Path) -> bool:
    """Tell whether files can be made in a folder, or in the one where it would be made."""
    folder = folder.absolute()
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK, effective_ids=True)
