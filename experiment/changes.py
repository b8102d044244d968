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
    texts, changed = (before.texts(), after.texts()), []
    for section in sorted(texts[0].keys() | texts[1].keys()):
        old, new = (text.get(section, {}) for text in texts)
        for key in sorted(old.keys() | new.keys()):
            if not is_here(section) and old.get(key) != new.get(key):
                shown = (repr(values[key]) if key in values else "not there" for values in (old, new))
                changed.append(ChangedKey(section, key, *shown))
    return changed
