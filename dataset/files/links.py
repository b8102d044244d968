"""Symbolic links in a data folder: which may be followed, and what is wrong with the others."""

import os
from dataclasses import dataclass
from pathlib import Path


class WrongLink(ValueError):
    """A link that is not followed; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Links:
    """The rule for the links below some folders.

    Args:
        within: a link may lead to whatever is in these; with links followed.
        follow: whether it may also lead elsewhere.
        section: of the config, where that is said.
    """

    within: tuple[Path, ...]
    follow: bool
    section: str

    @classmethod
    def of(cls, root: Path, folder: Path, *, follow: bool, section: str) -> "Links":
        """Return the rule for a folder inside the data folder; either may be a link itself."""
        return cls((root.resolve(), folder.resolve()), follow, section)

    def target(self, link: Path) -> Path:
        """Return where a link leads.

        Raises:
            WrongLink: to nothing, in a circle, or out of the data folder.
        """
        try:
            target = link.resolve(strict=True)
        except (RuntimeError, OSError) as error:  # a circle is either of them, as Python's version has it
            circle = not isinstance(error, FileNotFoundError | NotADirectoryError | PermissionError)
            where = "itself" if circle else f"{_target(link)}, which is not there"
            raise WrongLink(f"{link} is a link to {where}") from None
        if not self.follow and not self.contain(target):
            raise WrongLink(
                f"{link} is a link that leads out of the data folder, to {target}. If that is meant, set "
                f"follow_links = yes in [{self.section}]"
            )
        return target

    def contain(self, path: Path) -> bool:
        """Return whether a path, links followed, is inside the folders."""
        return any(path.is_relative_to(folder) for folder in self.within)


def _target(link: Path) -> str:
    try:
        return os.readlink(link)  # noqa: PTH115 - as it is written, not as a Path makes it
    except OSError:
        return "something"  # a part of the path above it is the link
