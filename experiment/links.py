"""What the heads of grades are asked: the loss that a config chooses for them says it."""

from dataset.tasks.base import Task
from experiment.settings import Settings
from loss.base import LOSSES
from models.heads.base import Heads


def linked(heads: Heads, settings: Settings, task: Task) -> Heads:
    """Return the heads, those of grades as their losses ask them."""
    links = {}
    for space in task.spaces:
        if space.ordered:
            component = settings.chosen[settings.of_space("loss", space.name)]
            loss = LOSSES.build(component, space=space.name, scale=heads.scale(space.name))
            links[space.name] = loss.link
    return heads.linked({space: link for space, link in links.items() if link is not None})
