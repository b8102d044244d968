"""Waiting in a test for what another process does."""

import time


def wait_for(what, seconds=600):
    """Return what a function returns as soon as it is anything."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if result := what():
            return result
        time.sleep(0.02)
    raise AssertionError("it did not come")
