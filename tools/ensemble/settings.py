"""The section [ensemble] of a config."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from experiment.section import SECTIONS, Section
from tools.ensemble.decisions.base import DECISIONS
from tools.ensemble.methods.base import ENSEMBLES
from utils.errors import unknown_name
from utils.registry import Registry

AUTO, NONE = "auto", "none"


@dataclass(frozen=True, slots=True)
class _ClassName:
    """The name of a class in ``registry``, or one of ``words``."""

    text: str = AUTO

    registry: ClassVar[Registry[Any]]
    words: ClassVar[tuple[str, ...]]

    @classmethod
    def from_text(cls, text: str) -> Self:
        valid = (*cls.words, *cls.registry.names())
        names = [name for name in valid if name.casefold() == text.casefold()]
        if not names:
            raise ValueError(unknown_name(cls.registry.kind, text, valid))
        return cls(names[0])

    @classmethod
    def allowed(cls) -> str:
        """Return the names, for ``--mode list``."""
        return ", ".join([*cls.words, *cls.registry.names()])

    def __str__(self) -> str:
        return self.text


class MethodName(_ClassName):
    """How members are made one; ``auto`` is the mean, unless another one is better beyond noise."""

    registry, words = ENSEMBLES, (AUTO,)


class DecisionName(_ClassName):
    """What changes the answers; ``auto`` is nothing, unless something is better beyond noise."""

    registry, words = DECISIONS, (AUTO, NONE)


@SECTIONS.register
@dataclass(frozen=True, slots=True, kw_only=True)
class EnsembleSettings(Section):
    """What --mode ensemble makes one prediction of, and how.

    Args:
        method: how members are made one; auto is the mean, unless another one is better beyond noise.
        decision: what changes the answers; auto is nothing, unless something is better beyond noise.
    """

    section = "ensemble"
    named: ClassVar = {"method": ENSEMBLES, "decision": DECISIONS}

    runs: tuple[str, ...] = ()  # versions or paths of finished runs; those after --mode ensemble go first
    method: MethodName = MethodName()  # noqa: RUF009 - it is frozen
    decision: DecisionName = DecisionName()  # noqa: RUF009
