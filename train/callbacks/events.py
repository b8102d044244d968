"""TensorBoard's files: what they show already, and a writer whose failing does not end a run."""

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tensorboard.compat.proto.summary_pb2 import Summary

log = logging.getLogger("podium")


def points_in(folder: Path) -> set[tuple[int, str]]:
    """Return the step and the tag of every point in a folder's event files, of a torn file up to there."""
    # Imported late: it takes a second, and only a resumed run asks.
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.tensorflow_stub.errors import OpError

    points = set()
    for path in sorted(folder.glob("events.out.tfevents.*")):
        try:
            for record in RawEventFileLoader(str(path)).Load():
                event = Event.FromString(record)
                points |= {(event.step, value.tag) for value in event.summary.value}
        except (OSError, DecodeError, OpError):
            continue
    return points


class Events:
    """TensorBoard's ``SummaryWriter``, given up with one word when its files can't be written."""

    def __init__(self, folder: Path, purge_step: int) -> None:
        # Imported late: it takes a second, and every run loads this module.
        from torch.utils.tensorboard import SummaryWriter

        self._folder, self._writer, self._hook = folder, None, threading.excepthook
        threading.excepthook = self._in_thread  # the writer writes in one of its own, which would shout
        make: Any = SummaryWriter
        self._writer = self._try(lambda: make(folder, purge_step=purge_step))

    def __getattr__(self, name: str) -> Callable[..., None]:
        def call(*arguments: object, **named: object) -> None:
            if self._writer is not None:
                self._try(lambda: getattr(self._writer, name)(*arguments, **named))

        return call

    def add_png(self, tag: str, coded: bytes, size: tuple[int, int], step: int) -> None:
        """Show a picture (height, width) that is coded already: the library takes longer over it."""
        from tensorboard.compat.proto.summary_pb2 import Summary

        height, width = size
        image = Summary.Image(height=height, width=width, colorspace=3, encoded_image_string=coded)
        self.add_summary(Summary(value=[Summary.Value(tag=tag, image=image)]), step)

    def add_summary(self, summary: "Summary", step: int) -> None:
        """Write what is put together already."""
        if self._writer is not None:
            writer = self._writer
            self._try(lambda: writer.file_writer.add_summary(summary, step))

    def close(self) -> None:
        """Bring everything to the disk and end the writer's thread."""
        if self._writer is not None:
            self._try(self._writer.close)
        threading.excepthook = self._hook

    def _try(self, what: Callable[[], Any]) -> Any:
        try:
            return what()
        except OSError as error:
            why = error.strerror or error
            log.warning("%s can't be written (%s): going on without it.", self._folder, why)
            self._writer = None
        return None

    def _in_thread(self, arguments: threading.ExceptHookArgs) -> None:
        if not isinstance(arguments.exc_value, OSError):
            self._hook(arguments)
