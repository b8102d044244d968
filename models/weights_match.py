"""Which tensors of a file are a backbone's, whatever stands before their names and around them."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from models.weights_file import Tensors

Convert = Callable[[Tensors], Tensors]  # other programs' names and shapes to those of the backbone
_NUMBER = re.compile(r"^\d+/")  # before each name in Podium's own checkpoints
_ENDS = re.compile(r"[./]")  # of a part of a name
_MOST_PREFIXES = 8  # that are tried
_DEEPEST = 5  # parts of a prefix
# What means that weights are an average: of two models in a file those validate better.
_AVERAGED = re.compile(r"(^|[._/])(\w+_)?(ema|averaged|teacher|eval_model|swa|n_averaged)(_\w+)?([._/]|$)")


@dataclass(frozen=True, slots=True)
class Match:
    """How a group of tensors in a file fits a backbone.

    Attributes:
        keys: that lead to the group in the file.
        prefix: before each name.
        tensors: by the backbone's own names, where there are such.
        fitting: names of the backbone that are there in its shapes.
        others: names that are there in other shapes.
    """

    keys: str
    prefix: str
    tensors: Tensors
    fitting: frozenset[str]
    others: frozenset[str]

    @property
    def rank(self) -> tuple[int, int, bool, int]:
        """More is better."""
        averaged = bool(_AVERAGED.search(f"{self.keys}.{self.prefix}"))
        return len(self.fitting), len(self.others), averaged, -len(self.prefix)

    @property
    def words(self) -> str:
        """Where in the file these are, in brackets; nothing at its top."""
        parts = [self.keys] if self.keys else []
        parts += [f"names after {self.prefix!r}"] if self.prefix else []
        return f" ({', '.join(parts)})" if parts else ""

    def surplus(self, wanted: Mapping[str, Tensor], classifiers: tuple[str, ...] = ()) -> list[str]:
        """Return learnt tensors that a backbone would need to be what the file was made for.

        They stand inside its parts, such as a further block of a stage; a classifier or a decoder beside them
        is no such thing.
        """
        tops = {name.partition(".")[0] for name in wanted}
        counted = any(top.isdigit() for top in tops)
        return [
            name
            for name, tensor in self.tensors.items()
            if name not in wanted
            and tensor.is_floating_point()
            and not name.startswith(classifiers or "\0")
            and "." in name
            and ((top := name.partition(".")[0]) in tops or (counted and top.isdigit()))
        ]


def matches(
    groups: Mapping[str, Tensors], wanted: Mapping[str, Tensor], convert: Convert | None = None
) -> list[Match]:
    """Return how each group of a file fits, with each prefix that may be meant; the best first.

    Args:
        wanted: what the backbone has.
        convert: tried on the names as they are in the file, without the prefix.
    """
    fits = [
        _match(keys, prefix, inside, wanted, convert)
        for keys, tensors in groups.items()
        for prefix, inside in _inside(tensors, wanted)
    ]
    return sorted(fits, key=lambda match: match.rank, reverse=True)


def classifiers_of(backbone: nn.Module) -> tuple[str, ...]:
    """Return what the names of a timm model's classifiers begin with."""
    named = (getattr(backbone, "pretrained_cfg", None) or {}).get("classifier") or ()
    return tuple(f"{name}." for name in ((named,) if isinstance(named, str) else named))


def _inside(tensors: Tensors, wanted: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensors]]:
    """Yield prefixes that names may have, and the tensors behind them."""
    if all(_NUMBER.match(name) for name in tensors):
        tensors = {_NUMBER.sub("", name): tensor for name, tensor in tensors.items()}
    for prefix in _prefixes(tensors, wanted):
        yield prefix, {name[len(prefix) :]: t for name, t in tensors.items() if name.startswith(prefix)}


def _prefixes(names: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> list[str]:
    """Return what stands before names of the backbone, and what at least half of all names begin with."""
    before: Counter[str] = Counter()
    common: Counter[str] = Counter()
    for name in names:
        for number, end in enumerate(_ENDS.finditer(name)):
            if name[end.end() :] in wanted:
                before[name[: end.end()]] += 1
            if number < _DEEPEST:
                common[name[: end.end()]] += 1

    shared = [prefix for prefix, count in common.items() if 2 * count >= len(names)]
    likely = [prefix for prefix, _ in before.most_common(_MOST_PREFIXES)]
    return list(dict.fromkeys(["", *likely, *shared]))


def _match(
    keys: str, prefix: str, tensors: Tensors, wanted: Mapping[str, Tensor], convert: Convert | None
) -> Match:
    if convert is not None:
        try:
            converted = convert(dict(tensors))
        except Exception:  # a filter of timm's that was not made for such names: they stay as they are
            converted = tensors
        tensors = {name: value for name, value in converted.items() if isinstance(value, Tensor)}
    there = [name for name in wanted if name in tensors and tensors[name].is_floating_point()]
    fitting = frozenset(name for name in there if tensors[name].shape == wanted[name].shape)
    return Match(keys, prefix, tensors, fitting, frozenset(there) - fitting)
