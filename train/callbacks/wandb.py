"""A run as Weights & Biases shows it: its config and the scores of each epoch."""

from pathlib import Path
from typing import Any, Literal

from train.callbacks.base import CALLBACKS, Callback
from train.callbacks.outbox import Outbox
from train.state import TrainState
from utils.durable import sha256_of_text
from utils.errors import ConfigError
from utils.ini import read_ini


@CALLBACKS.register
class WandB(Callback):
    """Tell Weights & Biases of the run; it needs the extra `wandb`.

    Offline, everything is kept in the run's folder ``wandb`` until ``wandb sync`` sends it.

    Args:
        project: the name under which the runs of a competition stand together.
        entity: the team; none: the user's own.
        mode: offline needs neither account nor network.
    """

    def __init__(
        self,
        *,
        folder: Path,
        project: str = "podium",
        entity: str | None = None,
        mode: Literal["online", "offline"] = "online",
    ) -> None:
        try:
            import wandb
        except ImportError:
            raise ConfigError("[callback.WandB] needs wandb: pip install -r requirements-wandb.txt") from None
        self.folder, self._wandb = folder, wandb
        self._options = {"project": project, "entity": entity, "mode": mode}
        self._outbox = Outbox("Weights & Biases")
        self._run: Any = None
        self._sent = 0  # epochs of the history

    def on_fit_start(self, state: TrainState) -> None:
        self._outbox.send(self._begin)
        self.on_epoch_kept(state)

    def on_epoch_kept(self, state: TrainState) -> None:
        self._outbox.send(lambda: self._catch_up(state))

    def on_fit_end(self, state: TrainState) -> None:
        self._outbox.send(lambda: self._catch_up(state), last=True)
        if self._run is not None:
            self._outbox.send(self._run.finish, last=True)
            self._run = None

    def _begin(self) -> None:
        whole = self.folder.parent if (self.folder.parent / "config.ini").is_file() else None  # of a member
        name = "/".join(self.folder.absolute().parts[-2:])
        config = {
            f"{section.name}.{key}": value.text
            for section in read_ini(self.folder / "config.ini").values()
            for key, value in section.values.items()
        }

        self._run = self._wandb.init(
            **self._options,
            name=name,
            group=None if whole is None else "/".join(whole.absolute().parts[-2:]),
            id=self._identity(),
            resume="allow",  # a run that goes on is the same run there
            dir=str(self.folder),
            config=config,
            settings=self._wandb.Settings(silent=True, init_timeout=60, disable_git=True, console="off"),
        )

    def _identity(self) -> str:
        """Return a name that no other run has, and this one keeps."""
        return sha256_of_text(self.folder / "environment.json")[:16]

    def _catch_up(self, state: TrainState) -> None:
        if self._run is None:
            self._begin()
        for entry in state.history[self._sent :]:
            self._run.log(dict(entry), step=int(entry["epoch"]))
            self._sent += 1
