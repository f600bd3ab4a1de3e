# ruff: noqa: RUF001
"""From a written name to its words: titles and particles off, compounds together, irregular variants to one form.

Compounds and variants are told in Latin letters as name_sounds.py makes them, so that one rule serves three scripts.
"""

from __future__ import annotations

import re
from typing import Final

from protocol.identifiers.errors import MaskedError, TooLongError, TooShortError, UnsupportedCharacterError
from protocol.identifiers.folding import ASCII, BLANKS, DASHES, INVISIBLE, MASKS, MAX_RAW_CHARACTERS, QUOTES
from protocol.identifiers.name_sounds import fold_word, latin

MIN_WORDS: Final = 2
MAX_WORDS: Final = 12  # the longest name on the public lists has ten; prose has more
WORD_BREAKS: Final = BLANKS + DASHES + ",;:/\\()[]|+&"
WORD_DROPPED: Final = INVISIBLE + QUOTES + ".\u02bc\u2032\u00b7<"

# Left out while two other words remain; folded, not yet in Latin letters. First the
# article, with its assimilated forms.
PARTICLES: Final = """\
al el ul il ar er ur ir as es us at et ut ad ed ud an en az ez ash esh adh ath ezz
bin ibn ben bint bent ould wuld walad son oglu oghlu ogly oglou ogli uglu kyzy qizi gizi kizi
de del della dela di da do dos das du des la las le les los lo van von vom der den ter ten zu zum af av of
y i e und and
ال بن ابن بنت بنو ولد و
аль эль ал ар ас ат ад ан аз аш эр эс эд эн эз эш ибн бин бен бинт оглы оглу углы улы уулу кызы гызы кизи де ван фон
и
"""
TITLES: Final = """\
haji hajji hadji haaji hoji
sheikh shaikh shaykh cheikh cheick sheik seyh sheh
mullah mulla molla mola maulavi mawlawi maulawi molvi moulavi maulana mawlana qari kari qary ustad ustaz
dr prof professor eng engr mr mrs ms miss sir lord gen general col colonel maj major capt captain lt brig
jr sr ii iii iv phd
حاجي شيخ الشيخ ملا مولوي مولانا قاري دكتور الدكتور سيد السيد
хаджи гаджи шейх мулла маулави кари
"""
# Compounds: the word that begins one is written with the next, the word that ends one with the one before.
SERVANT: Final = r"[aeä]?bd(?:[aeiou]+[lrsntd]{1,2})?"  # Abd, Abdul, Abd al-, Abdur-; but Abdu is a name
FATHER: Final = r"ab[aou]+|abw|bou"  # Abu
FAITH: Final = r"(?:[aeiou][ld])?d{1,2}[iey]+ne?"  # al-Din, Eddine, ud-Deen
GOD: Final = r"(?:[aeiou]l)?l{1,2}[aeo][hħ]?|allħ"  # Allah, ullah
# Within one word: Abdulaziz and Abdelaziz without the article, Abdallah as Abdullah; Nuraldin as Nuruddin.
SERVANT_OF: Final = r"^[aeä]?bd[aeiou]*l(?=.)"
GOD_ALONE: Final = r"l?[aeo]?[hħ]?"
SON_OF: Final = r"^be?n(?=(?:na|(?!jam)[bcdfghjklmqrstzħðĉƒ].).)"  # Benali, بنعلي, but not Benjamin
OF_FAITH: Final = r"(?<=.)[aeou]l(?=d[iey]+ne?$)"

# Names whose usual spellings differ by more than the classes of name_sounds.py bear: the form by which they are
# classed, then spellings. Regular ones (Mohammed, Mehmet, Магомед) need no entry. "ge" is a g that may be a j.
VARIANTS: Final = """\
muhammad mamadou mamadu momodou mamoudou mohd moħd mhd mħd mamed mammad mamad
ahmad amadou amadu
fatima fatou fatoumata
gemal gamal gamel
gelal galal
gemila gamila
geber gaber gabir gabr
magedi magdi magdy mekdi makdi
magedy magda
nagewa nagwa nagua
rageb ragab
farage farag
hagege hagag haggag
getbar gabbar cabbar
jahid cahit cahid
jan can
fatkhi fathi fathy fethi fathia fethia
fatkhalla fathallah fathullah fethullah
mazkhar mazhar mezhar mazher
azkhar azhar ezhar
azkhari azhari
amin lamin lamine
abidi labidi laabidi
adkham adham edhem ethem
mudkhir mudhir
avraam avraham
khose jose
khuan juan
khorkhe jorge
khavier javier
khulio julio
khesus jesus
khoakin joaquin
alekhandro alejandro
nikolai mykola mikola mikalai
oleg oleh aleh
"""

_BREAKS: Final[dict[int, str | None]] = {
    **ASCII,
    **dict.fromkeys(map(ord, WORD_BREAKS), " "),
    **dict.fromkeys(map(ord, WORD_DROPPED)),
}
_VARIANTS: Final = {
    spelling: form for form, *spellings in map(str.split, VARIANTS.splitlines()) for spelling in spellings
}
_PARTICLES: Final = frozenset(PARTICLES.split())
_TITLES: Final = frozenset(TITLES.split())
_SERVANT: Final = re.compile(SERVANT)
_FATHER: Final = re.compile(FATHER)
_FAITH: Final = re.compile(FAITH)
_GOD: Final = re.compile(GOD)
_SERVANT_OF: Final = re.compile(SERVANT_OF)
_GOD_ALONE: Final = re.compile(GOD_ALONE)
_SON_OF: Final = re.compile(SON_OF)
_OF_FAITH: Final = re.compile(OF_FAITH)


def name_words(raw: str) -> list[str]:
    """Return the words of a name in Latin letters, as `skeletons` takes them, the family name last if a comma ends it.

    Raises:
        TooLongError, TooShortError: more words than a name has, or less than two.
        MaskedError, UnsupportedCharacterError: a mark for an unknown letter, a digit, or a letter of another script.
    """
    if len(raw) > MAX_RAW_CHARACTERS:
        raise TooLongError(f"expected a name of at most {MAX_RAW_CHARACTERS} characters, got {len(raw)}")
    family, comma, others = raw.partition(",")
    written = (f"{others} {family}" if comma else raw).translate(_BREAKS).split()  # "BASIR, Abdul" is Abdul Basir
    if len(written) > MAX_WORDS:
        raise TooLongError(f"expected a name of at most {MAX_WORDS} words, got {len(written)}")
    folded = [word for word in map(_folded, written) if word]
    words = list(map(latin, _without(_PARTICLES, _without(_TITLES, folded))))
    words = [_VARIANTS.get(word, word) for word in map(_within, _joined(words))]
    if len(words) < MIN_WORDS:
        raise TooShortError(f"expected at least {MIN_WORDS} words besides titles and particles, got {len(words)}")
    return words


def _folded(word: str) -> str:
    if (folded := fold_word(word)) is not None:
        return folded
    if any(mark in word for mark in MASKS):
        raise MaskedError("expected every letter of the name, got a mark for an unknown one")
    raise UnsupportedCharacterError("expected Latin, Cyrillic or Arabic letters, got another character")


def _without(left_out: frozenset[str], words: list[str]) -> list[str]:
    kept = [word for word in words if word not in left_out]
    return kept if len(kept) >= MIN_WORDS else words


def _joined(words: list[str]) -> list[str]:
    joined: list[str] = []
    start = ""
    for word in words:
        if start:
            joined.append(start + ("l" + word if _GOD.fullmatch(word) else word.removeprefix("al")))
            start = ""
        elif _SERVANT.fullmatch(word):
            start = "abdul"
        elif _FATHER.fullmatch(word):
            start = "abu"
        elif joined and (_FAITH.fullmatch(word) or _GOD.fullmatch(word)):
            joined[-1] += "din" if _FAITH.fullmatch(word) else "la"
        else:
            joined.append(word)
    return [*joined, start] if start else joined


def _within(word: str) -> str:
    if match := _SERVANT_OF.match(word):
        rest = word[match.end() :]
        return "abdula" if _GOD_ALONE.fullmatch(rest) else "abda" + rest
    return _SON_OF.sub("", _OF_FAITH.sub("", word))
