# ruff: noqa: RUF001
"""Write protocol/identifiers/name_letters.py: which letter each letter of three scripts is, as a frozen table.

    python -m tests.unit.protocol.identifiers.derive_name_letters > protocol/identifiers/name_letters.py

Unicode never changes the decomposition of a character that it has, and every character below was there long before the
oldest Python in use: so the output is the same with each, and test_names.py compares it with what is committed.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[4]
MAX_LETTERS: Final = 2  # of one character: a ligature of more is a word of piety
BLOCKS: Final = (
    (0x0041, 0x007A),  # Basic Latin
    (0x00C0, 0x024F),  # Latin-1 Supplement, Latin Extended-A and -B
    (0x0259, 0x0259),  # schwa, a letter of Azerbaijani
    (0x0400, 0x052F),  # Cyrillic, Cyrillic Supplement
    (0x0620, 0x06D5),  # Arabic
    (0x1E00, 0x1EFF),  # Latin Extended Additional
    (0xFB50, 0xFBFF),  # Arabic Presentation Forms-A, its letters
    (0xFE70, 0xFEFC),  # Arabic Presentation Forms-B
    (0xFF21, 0xFF5A),  # full-width Latin
)
# The letters that name_sounds.py knows the sound of; a letter that becomes none of them has no place in a name.
ALPHABETS: Final = (
    "abcdefghijklmnopqrstuvwxyz"
    "абвгдежзийклмнопрстуфхцчшщъыьэюяєіјљњћџђѕґғқҳҷңәөүұһҡҫҙ"
    "ءابةتثجحخدذرزسشصضطظعغفقكلمنهويپچگڤ"
)
DROPPED_BLOCKS: Final = (
    (0x0300, 0x036F),  # combining accents
    (0x0610, 0x061A),  # Arabic honorific marks
    (0x0640, 0x0640),  # tatweel, which only stretches a word
    (0x064B, 0x065F),  # Arabic vowel marks
    (0x0670, 0x0670),  # superscript alef
    (0x06BE, 0x06BE),  # heh doachashmee, which only aspirates in Urdu
    (0x06D6, 0x06ED),  # Quranic marks
    (0x02B0, 0x02FF),  # modifier letters: ayn and hamza of scholarly transliteration, and the Hawaiian okina
)
# Where the decomposition says nothing, or less than the sound: by hand.
BY_HAND: Final = {
    "sh": "čĉćçšśŝşșžźżđǆ",  # classed together with s, t, d, z by name_sounds.py; what matters is that c is not k
    "ae": "æ", "oe": "œ", "o": "ø", "ss": "ß", "th": "þ", "d": "ð", "l": "ł", "h": "ħ", "n": "ŋ", "i": "ıi̇",
    "t": "ŧ", "e": "əǝ", "y": "ğ", "f": "ƒ", "lj": "ǉ", "nj": "ǌ", "dz": "ǳ",
    "й": "й", "к": "ќ", "г": "ѓ",
    "ا": "آأإٱٲٳٵ", "و": "ؤٶٷۄۅۆۇۈۉۊۋۏ", "ي": "ئىیېۍێۑےۓؠۧٸ", "ك": "کڪګڬڭڮ", "ه": "ەہۀۂۃ", "ت": "ٹٺټٽ",
    "د": "ڈډڊڋڌڍڎڏڐ",
    "ر": "ڑڒړڔڕڗڙ", "ل": "ڵڶڷڸ",
    "ن": "ںڻڼڽڹ", "ز": "ژځږ", "س": "څ", "ش": "ښ", "ف": "ڡڢڣ", "ب": "پٻ", "ق": "ڧڨٯ", "گ": "ڰڱ",
}  # fmt: skip


def _folded(character: str) -> str:
    lower = character.lower()
    for base, letters in BY_HAND.items():
        if lower in letters:
            return base
    text = unicodedata.normalize("NFKD", lower)
    for letter in "".join(BY_HAND.values()):
        if len(pair := unicodedata.normalize("NFD", letter)) == 2:
            text = text.replace(pair, letter)
    text = "".join(c for c in text if c.isalpha() and not unicodedata.combining(c))
    if text == lower:
        return text
    return "".join(_folded(c) for c in text)


def _is_dropped(character: str) -> bool:
    return any(first <= ord(character) <= last for first, last in DROPPED_BLOCKS)


def _lines() -> Iterator[str]:
    table: dict[str, list[str]] = {}
    for first, last in BLOCKS:
        for character in map(chr, range(first, last + 1)):
            folded = _folded(character) if character.isalpha() and not _is_dropped(character) else ""
            if folded and len(folded) <= MAX_LETTERS and set(folded) <= set(ALPHABETS):
                table.setdefault(folded, []).append(character)
    for folded, characters in sorted(table.items()):
        escaped = "".join(f"\\u{ord(c):04x}" for c in characters)
        key = "".join(c if c.isascii() else f"\\u{ord(c):04x}" for c in folded)
        parts = [escaped[i : i + 90] for i in range(0, len(escaped), 90)]
        if len(parts) == 1:
            yield f'    "{key}": "{parts[0]}",'
        else:
            yield f'    "{key}": ('
            yield from (f'        "{part}"' for part in parts)
            yield "    ),"


def _composed() -> Iterator[str]:
    """Letters that mean more with their accent than without it, for text that writes the accent behind them."""
    for letters in BY_HAND.values():
        for letter in sorted({*letters, *letters.upper()}):
            pair = unicodedata.normalize("NFD", letter)
            if len(letter) == 1 and len(pair) == 2 and 0x300 <= ord(pair[1]) < 0x370:
                yield (
                    "    "
                    + ": ".join('"' + "".join(f"\\u{ord(c):04x}" for c in text) + '"' for text in (pair, letter))
                    + ","
                )


def module() -> str:
    """Return the text of the module."""
    dropped = "\n".join(f"    (0x{first:04X}, 0x{last:04X})," for first, last in DROPPED_BLOCKS)
    body = "\n".join(_lines())
    composed = "\n".join(_composed())
    return f'''"""Which letter each letter is, whatever its case, accents and form: Latin, Cyrillic and Arabic, frozen.

Written by tests/unit/protocol/identifiers/derive_name_letters.py; not edited by hand.
"""

from __future__ import annotations

from typing import Final

# What a letter becomes -> the letters that become it, itself among them.
# fmt: off
LETTERS: Final = {{
{body}
}}
# fmt: on
# A letter and its accent, written one behind the other -> the letter with the accent.
COMPOSED: Final = {{
{composed}
}}
# Marks that are dropped: first and last of each range.
DROPPED: Final = (
{dropped}
)
'''


if __name__ == "__main__":
    print(module(), end="")
