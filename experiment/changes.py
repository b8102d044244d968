"""Where two configs differ, but for where things are and how fast it goes."""

from dataclasses import dataclass

from experiment.settings import Settings, is_here


@dataclass(frozen=True, slots=True)
class ChangedKey:
    """A key that two configs say differently; a value is quoted, one that is missing is ``not there``."""

    section: str
    key: str
    before: str
    after: str


def changes(before: Settings, after: Settings) -> list[ChangedKey]:
    """Return where two configs differ, but for where things are and how fast it goes."""
    texts, found = (before.texts(), after.texts()), []
    for section in sorted(texts[0].keys() | texts[1].keys()):
        old, new = (of.get(section, {}) for of in texts)
        for key in sorted(old.keys() | new.keys()):
            if not is_here(section) and old.get(key) != new.get(key):
                said = (repr(of[key]) if key in of else "not there" for of in (old, new))
                found.append(ChangedKey(section, key, *said))
    return found
