# ruff: noqa: RUF001
"""Names and dates of birth: spellings of one person meet, strangers do not, and nothing depends on Python's Unicode."""

from __future__ import annotations

import json
import unicodedata
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.identifiers import KINDS, IdentifierError, name_letters, names, profile
from protocol.identifiers.dates import Birth, parse_birth
from protocol.identifiers.name_parts import VARIANTS, name_words
from protocol.identifiers.name_sounds import AMBIGUOUS, ARABIC, CLASSES, CYRILLIC, fold_word, latin, skeletons
from tests.unit.protocol.identifiers import derive_name_letters

NAME = KINDS["name-dob"]
DATE = "1961-04-23"

# Spellings found on public lists and in newspapers, by person.
SPELLINGS = [
    ["Muammar al-Qaddafi", "Moammar Gadhafi", "Mu'ammar Kadhafi", "معمر القذافي", "Муаммар Каддафи", "Muammer Kaddafi"],
    ["Abd al-Rahman Yassin", "Abdul Rahman YASIN", "Abdurrahman Yasin", "عبدالرحمن ياسين", "Абдуррахман Ясин"],
    ["Nur al-Din al-Tunisi", "Noureddine Tounsi", "نورالدين التونسي", "نور الدين التونسي"],
    ["Yevgeny Chichvarkin", "Evgenii Tchitchvarkine", "Евгений Чичваркин", "Jewgeni Tschitschwarkin"],
    ["Aleksandr Shcherbakov", "Alexander Schtscherbakow", "Александр Щербаков", "Oleksandr Shcherbakoff"],
    ["Magomed Ibragimov", "Mukhammad Ibrahimov", "Магомед Ибрагимов"],
    ["Jalal Rashid Ghassan", "Galal Rashid Ghassan", "Djelal Rachid Gassan", "جلال رشيد غسان", "Джалал Рашид Гассан"],
    ["Uthman Khalil Tawfiq", "Osman Halil Tevfik", "Othmane Khelil Toufik", "عثمان خليل توفيق"],
    ["Slobodan Milosevic", "Slobodan MILOŠEVIĆ", "Слободан Милошевић", "Slobodan Miloshevich"],
    ["Nasrallah Habib", "Nasr Allah HABIB", "نصرالله حبيب", "نصر الله حبيب", "Насралла Хабиб"],
    ["Hocine Ben Mokhtar", "Husayn bin Mukhtar", "حسين بن مختار", "Хусейн Мухтар"],
    ["Abdul Basir Noorzai", "NOORZAI, Haji Abdul Basir", "عبد البصیر نورزی"],
    ["Recep Çelik", "RECEP CELIK", "Redzhep Chelik"],
    ["Əliyev Heydər Qasımov", "Aliyev Heydar Gasimov", "Алиев Гейдар Гасымов"],
]
STRANGERS = [
    ("Boris Petrov", "Boris Pankov"),
    ("Karim Haddad", "Karim Hamdan"),
    ("John Miller", "Joan Mulder"),
    ("Мария Соколова", "Марина Волкова"),
]


@pytest.mark.parametrize("spellings", SPELLINGS, ids=lambda s: s[0])
def test_spellings_of_one_name_meet(spellings) -> None:
    for a, b in combinations(spellings, 2):
        assert set(NAME.keys(a, DATE)) & set(NAME.keys(b, DATE)), (a, b)


@pytest.mark.parametrize(("a", "b"), STRANGERS)
def test_strangers_born_on_one_day_do_not_meet(a, b) -> None:
    assert not set(NAME.keys(a, DATE)) & set(NAME.keys(b, DATE))


def test_a_vague_date_meets_every_exact_one_within_it_and_exact_ones_do_not_meet() -> None:
    name = "Dmitri Kowalski"
    days = [f"1960-{month:02}-{day:02}" for month in range(1, 13) for day in (2, 13, 28)]
    for day in days:
        assert set(NAME.keys(name, "1960")) & set(NAME.keys(name, day))
        assert not set(NAME.keys(name, "1961")) & set(NAME.keys(name, day))
    for a, b in combinations(days, 2):
        if a[5:7] != b[5:7] and "-02" not in a[4:] + b[4:]:
            assert not set(NAME.keys(name, a)) & set(NAME.keys(name, b))


@pytest.mark.parametrize(
    ("written", "birth"),
    [
        ("1961-04-23", Birth((1961,), 4, 23)),
        ("1961-04-23-05:00", Birth((1961,), 4, 23)),
        ("19610423", Birth((1961,), 4, 23)),
        ("23.4.1961", Birth((1961,), 4, 23)),
        ("04/23/1961", Birth((1961,), 4, 23)),
        ("11/3/1961", Birth((1961,), 3, 11)),
        ("3.11.1961", Birth((1961,), 3, 11)),
        ("23 Apr 1961", Birth((1961,), 4, 23)),
        ("April 23, 1961", Birth((1961,), 4, 23)),
        ("23 апреля 1961", Birth((1961,), 4, 23)),
        ("23 de abril de 1961", Birth((1961,), 4, 23)),
        ("٢٣ أبريل ١٩٦١", Birth((1961,), 4, 23)),
        ("23. März 1961", Birth((1961,), 3, 23)),
        ("Apr 1961", Birth((1961,), 4)),
        ("1961-04", Birth((1961,), 4)),
        ("04/1961", Birth((1961,), 4)),
        ("1961-04-00", Birth((1961,), 4)),
        ("00/00/1961", Birth((1961,))),
        ("1961", Birth((1961,))),
        ("circa 1961", Birth((1960, 1961, 1962))),
        ("Approximately 1961", Birth((1960, 1961, 1962))),
        ("1961 to 1963", Birth((1961, 1962, 1963))),
        ("between 1961 and 1963", Birth((1961, 1962, 1963))),
        ("circa 4 Apr 1961", Birth((1960, 1961, 1962))),
        ("01 Jan 1961 to 31 Dec 1962", Birth((1961, 1962))),
        ("Apr 1961 to May 1961", Birth((1961,))),
        ("1961-1965", Birth((1961, 1962, 1963, 1964, 1965))),
    ],
)
def test_dates_as_authorities_write_them(written, birth) -> None:
    assert parse_birth(written) == birth
    assert parse_birth(f"  {written.upper()} ") == birth


@pytest.mark.parametrize(
    "written", ["1961-13-13", "29.02.19610", "1961-1966", "1965-1961", "1849", "2100", "23", "Foo 1961"]
)
def test_what_is_no_date(written) -> None:
    with pytest.raises(IdentifierError) as caught:
        parse_birth(written)
    assert caught.value.code == "bad-date"


TEXT = st.text(alphabet="abcdeghjkmvw АБВГШюйابتجلمهيو'-., ēšñقعة٢1٭", max_size=60)


@given(name=TEXT, date=st.sampled_from(["1961-04-23", "1961-01-01", "1961", "circa 1961", "Apr 1961"]))
def test_any_name_gives_few_distinct_keys_or_a_reason(name, date) -> None:
    try:
        keys = NAME.keys(name, date)
    except IdentifierError as error:
        assert error.code != "bad-identifier"
        return
    assert 1 <= len(keys) == len(set(keys)) <= names.MAX_KEYS
    assert not any(a != b and b.startswith(a) for a in keys for b in keys)


@given(words=st.permutations(["Boris", "Mikhailovich", "Kovalenko", "Petrov"]))
def test_the_order_of_words_does_not_matter(words) -> None:
    assert set(NAME.keys(" ".join(words), DATE)) == set(NAME.keys("Boris Mikhailovich Kovalenko Petrov", DATE))


def test_a_key_depends_on_its_own_words_alone() -> None:
    """Two records that share a telling part share its key, whatever else they hold."""
    part = set(NAME.keys("Kovalenko Radoslav", DATE))
    for more in ("Boris", "Muhammad", "Ibrahim Said", "Nikolaevich Petrov"):
        assert part <= set(NAME.keys(f"Kovalenko {more} Radoslav", DATE))


def test_the_letters_are_what_the_script_writes() -> None:
    committed = (derive_name_letters.ROOT / "protocol/identifiers/name_letters.py").read_text("utf-8")
    assert derive_name_letters.module() == committed


def test_folding_does_not_ask_unicodedata() -> None:
    for base, letters in name_letters.LETTERS.items():
        for letter in letters:
            assert fold_word(letter) == base
            composed = unicodedata.normalize("NFC", letter)
            decomposed = unicodedata.normalize("NFD", letter)
            if fold_word(composed) and fold_word(decomposed):
                assert skeletons(latin(fold_word(f"{composed}b"))) == skeletons(latin(fold_word(f"{decomposed}b")))


def test_every_letter_has_a_sound() -> None:
    known = set("abcdefghijklmnopqrstuvwxyz") | set(ARABIC) | set(CYRILLIC)
    assert set("".join(name_letters.LETTERS)) <= known
    for letter in known:
        assert all(set(reading) <= set(CLASSES) for reading in skeletons(latin(letter)))
    assert all(set("".join(readings)) <= set(CLASSES) for readings in AMBIGUOUS.values())


def test_every_variant_is_needed() -> None:
    """An entry whose spelling meets its form anyway would only hide what the rules do."""
    for line in VARIANTS.splitlines():
        form, *spellings = line.split()
        for spelling in spellings:
            assert set(skeletons(spelling)) != set(skeletons(form)), spelling


def test_particles_stay_when_nothing_else_is_left() -> None:
    assert len(name_words("Le Do")) == 2
    assert len(name_words("Le Do Bao")) == 3


def test_the_tables_are_in_the_profile() -> None:
    text = json.dumps(profile.document(), ensure_ascii=False)
    for value in (VARIANTS.splitlines()[0], names.COMMON.splitlines()[0], "\u0638"):
        assert value in text
