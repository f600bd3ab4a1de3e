# ruff: noqa: RUF001
"""From a written word of a name to its skeletons: consonant classes that survive transliteration.

The same name is Jamal, Gamal, Djamel, Cemal, Джамаль and جمال. What all ways of writing share is the order of a few
classes of consonants; vowels, doubling, the article and the letters h, w and y at their weak places come and go. So
eight classes remain, runs of one class count once, and a letter that two classes claim gives two readings.

Every script first becomes Latin letters by a table, then one list of rules turns those into classes. docs/matching.md
measures what this finds and what it confuses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice, product
from typing import Final

from protocol.identifiers.folding import ASCII
from protocol.identifiers.name_letters import COMPOSED, DROPPED, LETTERS

# Arabic letters, also Persian and Urdu ones -> Latin. The vowel letters and ayn carry no consonant; "ħ", "ð", "ĉ", "ƒ",
# "ŧ" and "ĺ" are letters of this module alone: an h that is never half of a digraph, a letter between t and s, jeem, a
# feh inside a word, a final teh marbuta behind alef, and the lam of an article that may be part of the name.
ARABIC: Final = {
    "ا": "a", "ء": "", "ع": "", "ة": "a", "ي": "y", "و": "w", "ه": "ħ", "ح": "ħ", "خ": "ħ", "ب": "b", "ڤ": "v",
    "ت": "t", "ط": "t", "د": "d", "ض": "ð", "ث": "ð", "ذ": "ð", "ز": "s", "س": "s", "ص": "s", "ظ": "ð", "ش": "s",
    "چ": "s", "ج": "ĉ", "ق": "k", "ك": "k", "گ": "k", "غ": "k", "ف": "ƒ", "ل": "l", "م": "m", "ن": "n", "ر": "r",
}  # fmt: skip
CYRILLIC: Final = {
    "а": "a", "б": "b", "в": "v", "г": "k", "ґ": "k", "д": "d", "е": "e", "є": "e", "ж": "s", "з": "s", "и": "i",
    "і": "i", "й": "y", "к": "k", "л": "l", "м": "m", "н": "n", "о": "o", "п": "p", "р": "r", "с": "s", "т": "t",
    "у": "u", "ф": "f", "х": "ħ", "ц": "s", "ч": "s", "ш": "s", "щ": "s", "ъ": "", "ы": "i", "ь": "", "э": "e",
    "ю": "u", "я": "a", "ј": "y", "љ": "l", "њ": "n", "ћ": "s", "џ": "s", "ђ": "s", "ѕ": "s", "ғ": "k", "қ": "k",
    "ҡ": "k", "ҳ": "ħ", "һ": "ħ", "ҷ": "s", "ң": "n", "ҙ": "s", "ҫ": "s", "ә": "a", "ө": "o", "ү": "u", "ұ": "u",
}  # fmt: skip
# What is read before the tables: a w that Cyrillic has no letter for; Arabic digraphs for a sibilant; words that are
# written together, and the start of the family of Alexander, which has no article.
CYRILLIC_RULES: Final = ((r"^у(?=[аеиэ])", "в"),)
ARABIC_RULES: Final = (
    (r"(?<=[^ا])ا?لله$", "لا"),
    (r"(?<=..)ال(?=دين$)", ""),
    (r"^ال(?=[اعو]..)", ""),
    (r"^الكس", "الاكس"),
    (r"^ع", "ä"),
    (r"^و", "ف"),
    (r"(?<=.)ا[هة]$", "اŧ"),
)
ARABIC_ARTICLE: Final = (r"^al(?=y)", "aĺ")
# Latin letters -> classes. Lower-case results are readings (AMBIGUOUS), "-" is silent. The first that fits counts.
RULES: Final = (
    (r"^ou(?=[aeiy])|^[wv]|^ƒ", "F"),
    (r"(?<=^[bj])h|k?h$|ħ$|off$", "-"),  # aspirated; weak at the end; Ivanoff is Ivanov
    (r"t?s?ch(?<=tch|sch)|dj|dzh|cz|t[sz]|sh|zh", "S"),
    (r"ch", "c"),
    (r"ph", "F"),
    (r"kh|gh|ck|qu", "K"),
    (r"[td]h|ð", "d"),
    (r"[sz]", "S"),
    (r"[td]", "T"),
    (r"x", "x"),
    (r"c(?=[eiy])", "S"),
    (r"c$|c(?=ova?$)|ĉ|gu?(?=[eiy])", "c"),
    (r"j", "j"),
    (r"[bp]", "B"),
    (r"f", "F"),
    (r"ƒ$", "v"),
    (r"ƒ", "f"),
    (r"[ckqghħ]", "K"),
    (r"l", "L"),
    (r"ĺ", "l"),
    (r"m", "M"),
    (r"n", "N"),
    (r"r", "R"),
    (r"ŧ", "t"),
    (r".", "-"),
)
ARTICLE: Final = "^[aeiou]l(?=[bcdfghjkmnpqrstxzĉƒħð].)"  # written together with the name
# The same before a vowel, where it may as well be the beginning of the name: Alotaibi, Elwakil, but not Alexander.
PERHAPS_ARTICLE: Final = "^[ae]l(?=[aouwy]..|e(?![knxsj])..|i(?![asyz])..)"
CLASSES: Final = "BFKLMNRST"
COARSER: Final = ("S", "T")  # where a skeleton stays longer than SHORT without telling s from t, it does not tell them
SHORT: Final = 2
AMBIGUOUS: Final = {
    "c": ("K", "S"),  # ch in Rachid and Achmed, jeem in Gamal and Jamal, a soft g, a final c, Kuznecov
    "j": ("S", ""),  # Jamal, Sergej
    "d": ("T", "S"),  # Uthman and Osman, Ramadan and Ramazan
    "f": ("F", ""),  # Arabic has no v: feh in Sharif and Ivanov
    "v": ("F", ""),  # the same at the end of a word, apart: Afanasiev has both
    "x": ("KS", "K"),  # Maksim, Proxor
    "l": ("L", ""),
    "t": ("", "T"),  # Hayat, Najat
}
VOWEL: Final = "A"  # in front of a skeleton up to VOWEL_TOLD long whose word begins with a vowel: Ahmad is not Hamid
VOWEL_TOLD: Final = 3
MAX_READINGS: Final = 4  # of one word
CACHED_WORDS: Final = 1 << 16

_FOLDED: Final[dict[int, str | None]] = {
    **ASCII,
    **{ord(letter): to for to, letters in LETTERS.items() for letter in letters},
    **{code: None for first, last in DROPPED for code in range(first, last + 1)},
}
_ARABIC: Final = str.maketrans(ARABIC)
_CYRILLIC: Final = str.maketrans(CYRILLIC)
_RULES: Final = re.compile("|".join(f"(?P<r{i}>{pattern})" for i, (pattern, _) in enumerate(RULES)))
_COMBINING: Final = re.compile("[\u0300-\u036f]")
_ARTICLE: Final = re.compile(ARTICLE)
_PERHAPS_ARTICLE: Final = re.compile(PERHAPS_ARTICLE)
_RUN: Final = re.compile(r"(.)\1+")


def fold_word(word: str) -> str | None:
    """Return the letters a word is made of, without case, accents and forms; None if one is of no known script."""
    if _COMBINING.search(word):
        for pair, letter in COMPOSED.items():
            word = word.replace(pair, letter)
    folded = word.translate(_FOLDED)
    return folded if all(letter in LETTERS for letter in folded) else None


@lru_cache(maxsize=CACHED_WORDS)
def latin(folded: str) -> str:
    """Return a folded word in Latin letters."""
    if folded.isascii():
        return folded
    if folded[0] in CYRILLIC:
        return _substituted(folded, CYRILLIC_RULES).translate(_CYRILLIC)
    word = _substituted(folded, ARABIC_RULES).translate(_ARABIC)
    return _substituted(word, (ARABIC_ARTICLE,))


def _substituted(word: str, rules: tuple[tuple[str, str], ...]) -> str:
    for pattern, to in rules:
        word = re.sub(pattern, to, word)
    return word


@lru_cache(maxsize=CACHED_WORDS)
def skeletons(word: str) -> tuple[str, ...]:
    """Return the distinct readings of a word in Latin letters as classes: none empty, at most MAX_READINGS."""
    readings = dict.fromkeys(_readings(_ARTICLE.sub("", word)))
    if match := _PERHAPS_ARTICLE.match(word):
        readings |= dict.fromkeys(_readings(word[match.end() :]))
    return tuple(islice(filter(None, readings), MAX_READINGS))


def _readings(word: str) -> Iterator[str]:
    classes = _RULES.sub(_class_of, word)
    doubtful = dict.fromkeys(letter for letter in classes if letter in AMBIGUOUS)
    for choice in product(*(AMBIGUOUS[letter] for letter in doubtful)):  # one letter is read alike all through a word
        reading = dict(zip(doubtful, choice, strict=True))
        yield _reduced("".join(reading.get(letter, letter) or "-" for letter in classes))


def _reduced(classes: str) -> str:
    heard = classes.replace("-", "")
    coarse = _RUN.sub(r"\1", heard.replace(*COARSER))
    skeleton = coarse if len(coarse) > SHORT else _RUN.sub(r"\1", heard)
    return VOWEL + skeleton if skeleton and len(skeleton) <= VOWEL_TOLD and classes.startswith("-") else skeleton


def _class_of(match: re.Match[str]) -> str:
    return RULES[int(str(match.lastgroup)[1:])][1]
