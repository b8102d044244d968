"""A log that can't be written is said once and stops nothing."""

import errno
import logging
import os
from types import SimpleNamespace

from utils.logs import log, logged_to


def test_a_log_on_a_full_disk_is_said_once_and_the_rest_goes_on(tmp_path, caplog):
    with caplog.at_level(logging.INFO, "podium"), logged_to(tmp_path / "log.txt"):
        log.info("before")
        handler = log.handlers[-1]

        def full(text):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        stream, handler.stream = handler.stream, SimpleNamespace(write=full)
        log.info("lost in the file")
        log.info("lost as well")
        handler.stream = stream
        log.info("after")
    text = f"{tmp_path / 'log.txt'} can't be written (No space left on device): going on without it."
    assert caplog.messages.count(text) == 1
    assert [line.split(" ", 2)[2] for line in (tmp_path / "log.txt").read_text().splitlines()] == [
        "before",
        "after",
    ]


def test_a_log_that_cannot_be_opened_is_said_and_the_rest_goes_on(tmp_path, caplog):
    with logged_to(tmp_path / "missing" / "log.txt"):
        log.warning("still here")
    assert "log.txt can't be written (No such file or directory)" in caplog.messages[0]
    assert caplog.messages[1] == "still here"
