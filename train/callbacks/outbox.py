"""Tells a tracker things although its server may be away for a while."""

import logging
import time
from collections.abc import Callable
from typing import Any

log = logging.getLogger("podium")
_AGAIN = 60.0  # seconds after which a server that was away is asked again


class Outbox:
    """Sends things to a tracker whose failing stops nothing: what was missed is sent later.

    Args:
        name: of the tracker, for messages.
    """

    def __init__(self, name: str) -> None:
        self._name, self._failed = name, 0.0
        self._warned = False

    def send(self, what: Callable[[], Any], *, last: bool = False) -> bool:
        """Do it; return whether it went well. A server that was away is left alone for a while.

        Args:
            last: ask it in any case: there is no later.
        """
        if self._failed and not last and time.monotonic() - self._failed < _AGAIN:
            return False
        try:
            what()
        except Exception as error:  # whatever a client raises: training goes on
            self._failed = time.monotonic()
            if last or not self._warned:
                self._warned = True
                later = "it is not told" if last else "it is told later"
                log.warning("%s can't be reached, so %s: %s", self._name, later, _in_short(error))
            return False
        self._failed = 0.0
        return True


def _in_short(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else f"{text[:200]} ..."
