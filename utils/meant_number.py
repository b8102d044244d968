"""What to write instead of a text that people read as a number and programs don't."""

import re

_SIGN = r"[+-]?"
_THOUSANDS = re.compile(rf"{_SIGN}\d{{1,3}}(?:[,'_ \u00a0\u202f]\d{{3}})+(?:\.\d+)?")
_EUROPEAN = re.compile(rf"{_SIGN}\d{{1,3}}(?:\.\d{{3}})+,\d+")
_COMMA = re.compile(rf"{_SIGN}\d*,\d+")
_POWER = re.compile(rf"{_SIGN}\d+(?:_\d+)+(?:\.\d+)?")
_PLAIN = rf"{_SIGN}(?:\d+\.?\d*|\.\d+)"
# A letter right behind a number may be a slip (4o), so only what is never one counts there.
_UNIT = r"(?:\s*%|\s+[^\W\d_]{1,12}\.?|kg|mg|km|cm|mm|ml|px|ms)"
_WITH_UNIT = re.compile(rf"(?P<before>{_PLAIN}){_UNIT}|[$€£¥₩]\s*(?P<after>{_PLAIN})")
_MINUS = str.maketrans(dict.fromkeys("\u2212\u2013\ufe63\uff0d", "-"))


def meant_number(text: str) -> str:
    """Return what to write, such as ``: write 1.5`` for ``1,5``; nothing where that can't be told."""
    plain = text.strip().translate(_MINUS)
    if _THOUSANDS.fullmatch(plain):
        whole = re.sub(r"[^\d.+-]", "", plain)
        if plain.count(",") == 1 and "." not in plain:
            return f": write {whole}, or {plain.replace(',', '.')} if the comma is its decimal point"
        return f": write {whole}"

    if _EUROPEAN.fullmatch(plain):
        return f": write {plain.replace('.', '').replace(',', '.')}"
    if _COMMA.fullmatch(plain):
        return f": write {plain.replace(',', '.')}"
    if _POWER.fullmatch(plain):
        return f": write {plain.replace('_', '')}"

    if unit := _WITH_UNIT.fullmatch(plain):
        return f": write {unit['before'] or unit['after']}, without the unit"
    return f": write {plain}" if plain != text.strip() and re.fullmatch(_PLAIN, plain) else ""
