# ruff: noqa: RUF001
"""Synthetic people in several scripts: what one authority writes in Latin letters, another has in Arabic or Cyrillic.

Beside the exact identifiers of nodes/exercise.py, for practising with names: namesakes, a shared default date of birth,
dates that are known to the year only or whose day and month are exchanged, fathers' names left out, slips of the
keyboard. Names are common ones, drawn independently; that a real person bears one with the same date is chance.

The first agency writes Latin letters; the second Latin, Arabic or Cyrillic ones, person by person, in other spellings.
The same seed and sizes give the same bytes on any machine.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

from nodes.errors import StorageError
from nodes.exercise import REALM, ExerciseError, ExerciseFiles, Permutation
from nodes.registry.table import REALM_COLUMN

MAX_PEOPLE: Final = 5_000_000
COLUMNS: Final = ("reference", "name", "date_of_birth", "phone", "email", "imei", REALM_COLUMN)
TRUTH_COLUMNS: Final = ("agency_1", "agency_2", "script", "difficulty")
MAPPING: Final = f"""\
# Written by `accord exercise people`. For exercise nodes only.
realm = "{REALM}"
reference = "reference"
display = ["name", "date_of_birth"]

[[identifier]]
kind = "name-dob"
name = "name"
date = "date_of_birth"

[[identifier]]
kind = "phone"
number = "phone"

[[identifier]]
kind = "e-mail"
address = "email"

[[identifier]]
kind = "imei"
number = "imei"
"""
# Two Latin spellings, Arabic, Cyrillic.
GIVEN: Final = """\
Muhammad Mohamed محمد Мухаммад
Ahmad Ahmed أحمد Ахмад
Yusuf Youssef يوسف Юсуф
Ibrahim Ebrahim إبراهيم Ибрахим
Khalid Khaled خالد Халид
Jamal Djamel جمال Джамал
Rashid Rachid رشيد Рашид
Tariq Tarek طارق Тарик
Mustafa Moustapha مصطفى Мустафа
Nasir Nacer ناصر Насир
Bilal Bilel بلال Билал
Samir Sameer سمير Самир
Karim Kareem كريم Карим
Faysal Faisal فيصل Файсал
Haytham Haitham هيثم Хайсам
Boris Borys بوريس Борис
Dmitri Dmitry ديمتري Дмитрий
Sergey Sergei سيرغي Сергей
Vladimir Wladimir فلاديمير Владимир
Mikhail Michail ميخائيل Михаил
Aleksandr Alexander ألكسندر Александр
Nikolai Nikolay نيكولاي Николай
Viktor Victor فيكتور Виктор
Martin Martyn مارتن Мартин
Daniel Danyel دانيال Даниэль
Robert Robbert روبرت Роберт
Tomas Thomas توماس Томас
Roman Romain رومان Роман
"""
FAMILY: Final = """\
Haddad Hadad حداد Хаддад
Mansur Mansour منصور Мансур
Qasimi Kassemi القاسمي Касими
Darwish Darwiche درويش Дарвиш
Shahin Chahine شاهين Шахин
Tamimi Temimi التميمي Тамими
Rifai Refai الرفاعي Рифаи
Sabbagh Sabagh صباغ Саббаг
Nasrallah Nasrullah نصرالله Насралла
Bakri Bekri البكري Бакри
Kurdi Kourdi كردي Курди
Zaydan Zeidan زيدان Зайдан
Petrenko Petrenco بترينكو Петренко
Kowalski Kovalsky كوفالسكي Ковальский
Sokolov Sokoloff سوكولوف Соколов
Morozov Morosow موروزوف Морозов
Belyakov Beliakov بيلياكوف Беляков
Kuznetsov Kouznetsov كوزنيتسوف Кузнецов
Grigoryan Grigorian غريغوريان Григорян
Tarasov Tarassov تاراسوف Тарасов
Lebedev Lebedeff ليبيديف Лебедев
Martinez Martines مارتينيز Мартинес
Fernandes Fernandez فرنانديز Фернандес
Lindberg Lindbergh ليندبرغ Линдберг
Baumann Bauman باومان Бауман
Rossini Rosini روسيني Россини
"""
# Of 256: of all persons; by the second agency; of persons on both lists; of persons of the second list alone.
NEW_YEAR: Final = 12
FATHER_LEFT_OUT: Final = 48
YEAR_ONLY: Final = 8
EXCHANGED: Final = 6
SLIP: Final = 10
NAMESAKES: Final = 12
MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_GIVEN: Final = tuple(line.split() for line in GIVEN.splitlines())
_FAMILY: Final = tuple(line.split() for line in FAMILY.splitlines())
_SCRIPTS: Final = ("latin", "arabic", "cyrillic")  # as the columns behind the first


@dataclass(frozen=True, slots=True)
class PeopleSummary:
    """What was made: the files of both agencies, and the truth about shared persons."""

    agencies: tuple[ExerciseFiles, ExerciseFiles]
    truth: Path


@dataclass(frozen=True, slots=True)
class _Person:
    names: tuple[list[str], list[str], list[str]]  # given, father's, family
    born: tuple[int, int, int]
    contact: tuple[str, str, str]  # telephone, mailbox, device
    draw: bytes


class _People:
    """Everybody in one exercise, by number."""

    def __init__(self, seed: int, size: int, overlap: int) -> None:
        self._key = hashlib.sha256(f"accord exercise people {seed}".encode()).digest()
        self._lines = Permutation(self._key, "phone", 10**9)
        self._devices = Permutation(self._key, "imei", 10**12)
        self.size, self.overlap = size, overlap
        self.orders = tuple(Permutation(self._key, f"order {agency}", size) for agency in range(2))

    def _draw(self, number: int) -> bytes:
        return hashlib.blake2b(number.to_bytes(8, "big"), key=self._key, digest_size=32).digest()

    def person(self, number: int) -> _Person:
        draw = self._draw(number)
        name = draw
        if number >= self.size and draw[0] < NAMESAKES and self.overlap:
            name = self._draw(int.from_bytes(draw[1:5], "big") % self.overlap)  # a namesake of somebody on both lists
        given, father, family = (
            table[int.from_bytes(name[at : at + 2], "big") % len(table)]
            for table, at in ((_GIVEN, 5), (_GIVEN, 7), (_FAMILY, 9))
        )
        month, day = (1, 1) if draw[11] < NEW_YEAR else (1 + draw[12] % 12, 1 + draw[13] % 28)
        device = f"35{self._devices(number):012}"
        return _Person(
            (given, father, family),
            (1945 + draw[14] % 60, month, day),
            (f"49151{self._lines(number):09}", f"{given[0]}.{family[0]}.{number}@mail.example".lower(), device),
            draw,
        )


def generate_people(out_dir: Path, seed: int, size: int, overlap: int) -> PeopleSummary:
    """Write records and mapping of two agencies, and which of their persons are one, into a folder.

    Args:
        out_dir: made if it is not there; nothing in it is overwritten.
        seed: any integer.
        size: persons per agency.
        overlap: how many of them both have.

    Raises:
        ExerciseError: sizes out of range, or a file that is already there.
        StorageError: not written.

    Cost: about 15 us per row.
    """
    if not (1 <= size <= MAX_PEOPLE and 0 <= overlap <= size):
        raise ExerciseError(f"expected 1 to {MAX_PEOPLE} persons and an overlap up to that, got other numbers")
    people = _People(seed, size, overlap)
    first, second = (ExerciseFiles(out_dir / f"people-{i}.csv", out_dir / f"people-{i}.toml") for i in (1, 2))
    truth = out_dir / "people-truth.csv"
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        for agency, files in enumerate((first, second)):
            with _created(files.mapping) as mapping:
                mapping.write(MAPPING)
            with _created(files.records) as records:
                records.writelines(_rows(people, agency))
        with _created(truth) as lines:
            lines.writelines(_truth(people))
    except FileExistsError:
        raise ExerciseError(f"expected no files of an exercise in {out_dir}, got some") from None
    except OSError as cause:
        raise StorageError(f"expected to write into {out_dir}, got: {cause.strerror}") from None
    return PeopleSummary((first, second), truth)


def _created(path: Path) -> TextIO:
    return path.open("x", encoding="utf-8", newline="")


def _reference(agency: int, row: int) -> str:
    return f"PX{agency + 1}-{row + 1:08}"


def _rows(people: _People, agency: int) -> Iterator[str]:
    yield ",".join(COLUMNS) + "\n"
    order = people.orders[agency]
    for row in range(people.size):
        place = order(row)
        number = place if place < people.overlap else place + agency * people.size
        person = people.person(number)
        cells = (_by_second if agency else _by_first)(person, place < people.overlap)
        yield ",".join((_reference(agency, row), *cells, REALM)) + "\n"


def _by_first(person: _Person, _shared: bool) -> tuple[str, ...]:
    """FAMILY, Given Father; ISO dates; compact numbers."""
    given, father, family = (name[0] for name in person.names)
    year, month, day = person.born
    phone, mailbox, device = person.contact
    return f'"{family.upper()}, {given} {father}"', f"{year}-{month:02}-{day:02}", f"+{phone}", mailbox, device


def _by_second(person: _Person, shared: bool) -> tuple[str, ...]:
    """Given Father Family in its own script and spelling; dates in words; numbers as printed."""
    script, difficulty = _hardness(person, shared)
    given, father, family = (name[1 + _SCRIPTS.index(script)] for name in person.names)
    if difficulty == "slip":
        family = family[:2] + family[3] + family[2] + family[4:]
    words = [given, family] if "father" in difficulty else [given, father, family]
    year, month, day = person.born
    date = f"{day} {MONTHS[month - 1]} {year}"
    if difficulty == "year only":
        date = str(year)
    elif difficulty == "day and month exchanged" and day <= len(MONTHS):
        date = f"{year}-{day:02}-{month:02}"
    phone, mailbox, device = person.contact
    printed = f"{device[:2]}-{device[2:8]}-{device[8:]}"
    return " ".join(words), date, f"00{phone[:2]} {phone[2:5]} {phone[5:]}", mailbox.title(), printed


def _hardness(person: _Person, shared: bool) -> tuple[str, str]:
    """Return the script in which the second agency writes a person, and what makes the record hard to find."""
    script = _SCRIPTS[person.draw[16] % len(_SCRIPTS)]
    chance = person.draw[17]
    for name, share in (
        ("father left out", FATHER_LEFT_OUT),
        ("year only", YEAR_ONLY if shared else 0),
        ("day and month exchanged", EXCHANGED if shared else 0),
        ("slip", SLIP if shared else 0),
    ):
        if chance < share:
            return script, name
        chance -= share
    return script, "none"


def _truth(people: _People) -> Iterator[str]:
    yield ",".join(TRUTH_COLUMNS) + "\n"
    for number in range(people.overlap):
        references = [_reference(agency, order.inverse(number)) for agency, order in enumerate(people.orders)]
        yield ",".join((*references, *_hardness(people.person(number), shared=True))) + "\n"
