"""The picture of the schedules shows every one of them."""

from benchmarks.draw_schedules import BASE, EPOCHS, STEPS, draw
from schedulers.base import SCHEDULERS


def test_every_schedule_has_a_panel_with_and_without_warm_up() -> None:
    panels = draw().axes
    assert [panel.get_title().partition("\n")[0] for panel in panels] == SCHEDULERS.names()
    for panel in panels:
        assert len(panel.lines) == 2
        for line in panel.lines:
            values = line.get_ydata()
            assert len(values) == EPOCHS * STEPS
            assert 0 < max(values) <= BASE * (1 + 1e-9)
