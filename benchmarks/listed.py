"""Whether persons whom two real lists share are found by name and date of birth.

    python -m benchmarks.listed FOLDER

FOLDER holds the UN's consolidated list and OFAC's sdn.csv as the tests use them. Who is shared is told by equal
passport numbers (letters and digits, country ignored), which the keys of names do not see. Prints counts, never a
name.
"""

from __future__ import annotations

import argparse
import re
import statistics
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from nodes.registry.ofac import ofac_source
from nodes.registry.source import Source, SourceRecord, opened
from nodes.registry.un import un_source
from protocol.identifiers import KINDS, IdentifierError

UN: Final = "un_sc_consolidated_2020-11-30.xml"
OFAC: Final = ("ofac_sdn_2024-05-03.csv", "ofac_sdn_2021-08-18.csv")
MIN_PASSPORT_CHARACTERS: Final = 5
VAGUE_DATE: Final = re.compile(r"(?:circa )?[0-9]{4}(?: to [0-9]{4})?")


class Listed:
    """The records of one list: passports as plainly as can be, and the keys of names with dates of birth."""

    def __init__(self, source: Source) -> None:
        self.passports: dict[str, set[int]] = defaultdict(set)
        self.keys: dict[int, set[bytes]] = defaultdict(set)
        self.vague: dict[int, bool] = {}
        self.persons = self.refused = 0
        for row, record in enumerate(_records(source)):
            names = [fields for kind, fields in record.values if kind == "name-dob"]
            self.persons += bool(names)
            for kind, fields in record.values:
                if kind == "passport-number":
                    plain = re.sub("[^A-Z0-9]", "", fields[0].upper())
                    if len(plain) >= MIN_PASSPORT_CHARACTERS:
                        self.passports[plain].add(row)
            for name, date in names:
                self.vague[row] = self.vague.get(row, True) and bool(VAGUE_DATE.fullmatch(date))
                try:
                    self.keys[row] |= set(KINDS["name-dob"].keys(name, date))
                except IdentifierError:
                    self.refused += 1


def _records(source: Source) -> Iterator[SourceRecord]:
    with opened(source.path) as file:
        yield from (row for row in source.read(file) if isinstance(row, SourceRecord))


def compare(a: Listed, b: Listed) -> None:
    """Print what the lists share by passport, and how much of it names find; then what names find in all."""
    shared = {(i, j) for number, rows in a.passports.items() for i in rows for j in b.passports.get(number, ())}
    holders: dict[bytes, list[int]] = defaultdict(list)
    for j, keys in b.keys.items():
        for key in keys:
            holders[key].append(j)
    found = {(i, j) for i, keys in a.keys.items() for key in keys for j in holders.get(key, ())}
    for title, wanted in (("exact", False), ("vague", True)):
        pairs = {(i, j) for i, j in shared if i in a.vague and j in b.vague and (a.vague[i] or b.vague[j]) is wanted}
        print(f"  shared by passport, dates {title}: {len(pairs)}, of these found by name: {len(pairs & found)}")
    with_passports = [{row for rows in listed.passports.values() for row in rows} for listed in (a, b)]
    undated = sum(i not in a.vague or j not in b.vague for i, j in shared)
    with_passports = (
        {i for rows in a.passports.values() for i in rows},
        {j for rows in b.passports.values() for j in rows},
    )
    both = {(i, j) for i, j in found if i in with_passports[0] and j in with_passports[1]}
    print(f"  shared by passport without a date: {undated}")
    print(f"  found by name: {len(found)}; both have passports: {len(both)}, none in common: {len(both - shared)}")


def main() -> None:
    """Compare the UN's list with each of OFAC's."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    un = Listed(un_source(folder / UN))
    for name in OFAC:
        ofac = Listed(ofac_source(folder / name))
        print(f"{UN} and {name}")
        compare(un, ofac)
        for title, listed in (("UN", un), ("OFAC", ofac)):
            sizes = [len(keys) for keys in listed.keys.values()]
            print(f"  {title}: {listed.persons} persons with dates, keys {statistics.mean(sizes):.1f} mean,"
                  f" {max(sizes)} max, {listed.refused} values refused")  # fmt: skip


if __name__ == "__main__":
    main()
