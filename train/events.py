"""What TensorBoard's files already show."""

from pathlib import Path


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
