"""An ensemble that was made: its members, and how their predictions of any images become one."""

from dataclasses import asdict, dataclass
from pathlib import Path

from dataset.tasks.base import Task
from experiment.run_config import trained_in
from experiment.run_folder import is_run
from inference.saved import validated_file
from tools.ensemble.decisions.base import DECISIONS
from tools.ensemble.methods.base import ENSEMBLES, Fitted, MemberProbabilities, SpaceProbabilities
from tools.ensemble.pool import Pool
from utils.durable import sha256_of, write_json
from utils.errors import ConfigError, DataError, listed
from utils.forms import OBJECT, TEXT, Form, Kind, list_of, record
from utils.ini import read_ini
from utils.read_json import read_json

FILE = "ensemble.json"
_FORM: Form = {
    "members": list_of(record({"run": TEXT, "sha256": TEXT})),
    "method": Kind("the name of an ensemble", lambda value: value in ENSEMBLES.names()),
    "fitted": OBJECT,
    "decision": Kind('the name of a decision, or ""', lambda value: value in ["", *DECISIONS.names()]),
    "decision_fitted": OBJECT,
}
_NOTHING: Fitted = {}


@dataclass(frozen=True, slots=True)
class Blend:
    """What ``ensemble.json`` says."""

    members: list[dict[str, str]]  # the ``run`` of each, and the ``sha256`` of what it said when validating
    method: str
    fitted: Fitted
    decision: str  # or nothing
    decision_fitted: Fitted

    @classmethod
    def fit(cls, pool: Pool, method: str, decision: str) -> "Blend":
        """Return the ensemble as it is used: fitted on all images that the members validated."""
        ensemble = ENSEMBLES.get(method)()
        fitted, changed = ensemble.fit(pool.members, pool.truth), _NOTHING
        if decision:
            plain = ensemble.combine(pool.members, fitted, pool.truth.task)
            changed = DECISIONS.get(decision)().fit(pool.truth.task.join(plain), pool.truth.joined)
        members = [
            {"run": str(run.folder), "sha256": digest}
            for run, digest in zip(pool.runs, pool.digests(), strict=True)
        ]
        return cls(members, method, fitted, decision, changed)

    @classmethod
    def read(cls, folder: Path) -> "Blend":
        """Return the ensemble of a run's folder.

        Raises:
            DataError: its file is not what ``write`` wrote.
        """
        path = folder / FILE
        advice = "Make the ensemble again."
        try:
            return cls(**read_json(path, advice, form=_FORM))
        except TypeError as error:
            raise DataError(f"{path} is damaged: {error}. {advice}") from None

    def write(self, folder: Path) -> None:
        """Write it into the folder of a run."""
        write_json(folder / FILE, asdict(self))

    def apply(self, members: MemberProbabilities, task: Task) -> SpaceProbabilities:
        """Return the probabilities of any images, in the spaces of ``task.joined`` if there is a decision.

        Args:
            task: has the members' common form.
        """
        combined = ENSEMBLES.get(self.method)().combine(members, self.fitted, task)
        if not self.decision:
            return combined
        return DECISIONS.get(self.decision)().apply(
            task.join(combined), self.decision_fitted, task.joined or task
        )

    def folders(self, folder: Path) -> list[Path]:
        """Return where the members are: their path, also from where the ensemble was made, or beside it.

        Raises:
            ConfigError: lists those that are not there, or that predicted something else by now.
        """
        folders, problems = [], []
        for member in self.members:
            path = Path(member["run"])
            candidates = (path, *_beside(folder, path))
            there = next((candidate for candidate in candidates if is_run(candidate)), None)
            if there is None:
                problems.append(f"{path} is not there")
                continue
            if sha256_of(validated_file(there)) != member["sha256"]:
                problems.append(f"{there} is another run by now: it validated with other predictions")
            folders.append(there)
        if problems:
            raise ConfigError(listed(f"The ensemble {folder}", problems) + "\nMake the ensemble again.")
        return folders


def _beside(folder: Path, member: Path) -> list[Path]:
    """Return where else a member of the ensemble in ``folder`` may be: runs are moved together."""
    made_in = trained_in(folder, read_ini(folder / "config.ini"))
    runs, steps = folder.absolute().parent.parent, member.parts
    return [made_in / member, *(runs.joinpath(*steps[-count:]) for count in (2, 3) if len(steps) >= count)]
