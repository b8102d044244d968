import tempfile
from pathlib import Path

from tests.faults.trial import Place, steady


def test_what_is_printed_in_two_places_is_the_same() -> None:
    said = []
    for seconds in ("1.5", "22"):
        with Place(Path(tempfile.gettempdir())) as place:
            said.append(steady(f"Images of: {place.root}/data (by --set)\nIt took {seconds} s, F1 0.5."))
    assert said[0] == said[1]
    assert "data (by --set)" in said[0]
    assert "F1 0.5" in said[0]
