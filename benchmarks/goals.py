"""The least ratio that a row of an epoch's benchmark promises."""

import argparse

from benchmarks.rows import Target

SMALL = "mobilenetv3_small_050"


def target(model: str, peer: str, device: str) -> Target | None:
    """Return the least that a row promises, as a ratio; None: nothing is promised."""
    small = model == SMALL
    if peer == "timm" and device != "cuda":
        return Target(2.0 if small else 1.1) if model in (SMALL, "resnet18") else None
    return Target(0.95) if peer == "bare" else None


def wanted(arguments: argparse.Namespace, peer: str) -> Target | None:
    """Return the target of a row of this command."""
    if arguments.first:
        return Target(1.0)
    if arguments.peer_precision not in (None, arguments.precision):  # half the digits for this
        return Target(1.6) if (arguments.model, peer) == ("resnet18", "bare") else None
    return target(arguments.model, peer, arguments.device)
