"""What the public lists share, found the plain way: by regular expressions and letters-and-digits comparison.

This file knows nothing of the product: it imports none of it, has its own idea of which words are countries, and
its own way through each file. It is the yardstick for the answer that two nodes give. Where the product differs on
purpose, the test that compares the two names the rule and how many values it concerns.

`lists()` returns, per file and kind, a dictionary from the plain value to the text in which it was found. A plain
value is a number, or "country|number" where the kind needs the country.
"""

from __future__ import annotations

import csv
import os
import re
import xml.etree.ElementTree as ElementTree
from functools import cache
from pathlib import Path

import pytest

FILES = {
    "un-2020": "un_sc_consolidated_2020-11-30.xml",
    "ofac-2024": "ofac_sdn_2024-05-03.csv",
    "ofac-2021": "ofac_sdn_2021-08-18.csv",
}
KINDS = ("passport", "passport-number", "national-id", "iban", "imo", "crypto-wallet")
Found = dict[str, dict[str, str]]

# How the UN's file says what OFAC's says otherwise; lower case.
SAME_COUNTRY = {
    "russian federation": "russia", "russian": "russia", "syrian arab republic": "syria",
    "iran (islamic republic of)": "iran", "united kingdom of great britain and northern ireland": "united kingdom",
    "british": "united kingdom", "democratic people's republic of korea": "korea, north", "rpdc": "korea, north",
    "democratic republic of the congo": "congo, democratic republic of the",
    "car": "central african republic", "us": "united states", "united states of america": "united states",
    "tunisian": "tunisia", "pakistani": "pakistan", "yemeni": "yemen", "kuwaiti": "kuwait", "moroccan": "morocco",
    "saudi arabian": "saudi arabia", "german": "germany", "afghan": "afghanistan", "indonesian": "indonesia",
    "libyan": "libya", "iraqi": "iraq", "qatari": "qatar", "french": "france", "italian": "italy",
    "jordanian": "jordan", "kenyan": "kenya", "turkish": "turkey", "bosnian": "bosnia and herzegovina",
    "cabo verde. previously cape verde.": "cabo verde", "region: gaza": "palestinian",
}  # fmt: skip
NO_COUNTRY = {"", "iran / unknown", "congo"}


def data_folder() -> Path:
    """Where the real lists lie; skips the test that asks if they are not there."""
    folder = Path(os.environ.get("ACCORD_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not all((folder / name).is_file() for name in FILES.values()):
        pytest.skip(f"the real lists ({', '.join(FILES.values())}) are not in ACCORD_TEST_DATA or ../shared/data")
    return folder


@cache
def lists() -> dict[str, Found]:
    """Return what each file holds."""
    folder = data_folder()
    return {
        name: (un if file.endswith(".xml") else ofac)(folder / file) for name, file in FILES.items()
    }  # fmt: skip


def plain(text: str) -> str:
    """Letters and digits only, capitals."""
    return "".join(re.findall("[A-Z0-9]", text.upper()))


def country(text: str) -> str:
    name = " ".join(text.lower().removesuffix(" passport").split())
    return SAME_COUNTRY.get(name, name)


def keep(found: Found, kind: str, number: str, where: str) -> None:
    """Note a number, with its country for the kinds that need one."""
    value = plain(number)
    if not re.search("[0-9]", value):
        return
    if kind == "passport":
        found["passport-number"].setdefault(value, number)
    if kind in ("passport", "national-id"):
        if country(where) in NO_COUNTRY:
            return
        value = f"{country(where)}|{value}"
    found[kind].setdefault(value, number)


OFAC_SHAPES = [
    ("passport", r"(?:Passport(?: Booklet)?|Travel Document Number)(?: No\.)?:? #?(.+)"),
    ("national-id", r"(?:(\w+) )?(?:National ID (?:No\.|Card)|Personal ID (?:No\.|Card)|ID No\.|Identification Number|"
     r"Citizen's Card Number|Cedula No\.|C\.U\.R\.P\.|D\.N\.I\.|Numero de Identidad|SSN|Fiscal Code):? (.+)"),
    ("imo", r"Vessel Registration Identification IMO +(.+)"),
    ("crypto-wallet", r"Digital Currency Address - \w+ (.+)"),
]  # fmt: skip
OFAC_SOLELY = {"ID No.": "Kenyan", "Identification Number": "Turkish", "Fiscal Code": "Italian"}  # else other documents


def ofac(path: Path) -> Found:
    """sdn.csv: the remarks, part by part; the last part of remarks that fill their 1,000 characters is not whole."""
    found: Found = {kind: {} for kind in KINDS}
    with path.open(encoding="latin-1", newline="") as file:
        for row in csv.reader(file):
            if len(row) == 12:
                parts = row[11].split(";")
                for part in parts[:-1] if len(row[11]) >= 1000 else parts:
                    ofac_part(found, re.sub(" +", " ", part).strip().removesuffix("."))
    return found


def ofac_part(found: Found, part: str) -> None:
    if " and Kuwaiti National ID No. " in part:  # the one part with two identifiers in a sentence
        first, _, second = part.partition(" and ")
        ofac_part(found, first)
        ofac_part(found, second)
        return
    for kind, shape in OFAC_SHAPES:
        match = re.match(rf"(?:alt\. )?(?:[A-Z][A-Za-z .-]+ )?{shape}", part)
        if match is None:
            continue
        if kind == "national-id" and any(
            re.search(rf"(?<!{word} )(?<!National )(?<!Personal ){re.escape(label)}", part)
            for label, word in OFAC_SOLELY.items()
        ):
            return
        text = match[match.lastindex or 1]
        if kind == "crypto-wallet":
            address = text.split()[0]
            found[kind].setdefault(address.lower() if re.match("0x", address) else address, address)
            return
        issuer = re.search(r" \(([^()]*)\)(?: issued| expires|$)", text)
        where = issuer[1] if issuer else ""
        number = re.split(r" issued\b| expires\b|^issued\b|, | - ", text[: issuer.start()] if issuer else text)[0]
        if not where and ", " in text:  # "1372584, Kenya"; "0310857, Eritrea, Issue Date"
            where = text.split(", ")[1]
        if not where and (behind := re.fullmatch(r"(\w+) ([A-Z][a-z]+)", number)):  # "AF465508 Colombia"
            number, where = behind[1], behind[2]
        if not where:
            where = next((w for w in SAME_COUNTRY if re.match(rf"(?:alt\. )?{w}\b", part, re.IGNORECASE)), "")
        number = re.sub(r"^(?:Laissez-Passer|CNIC:|NIC:|JMB) ", "", number)
        keep(found, kind, number, where)
        return


UN_OTHER = r"\bration\b|birth|certificate|driv|student|voter|residential|serviceman|military|fardc|other id"


def un(path: Path) -> Found:
    """The UN's XML: every document of every individual."""
    found: Found = {kind: {} for kind in KINDS}
    for document in ElementTree.parse(path).iter("INDIVIDUAL_DOCUMENT"):  # noqa: S314, a committed copy of a public list
        said = {field.tag: " ".join((field.text or "").split()) for field in document}
        kind_1, kind_2 = said.get("TYPE_OF_DOCUMENT", ""), said.get("TYPE_OF_DOCUMENT2", "")
        text = next((t for t in (said.get("NUMBER"), kind_2, said.get("NOTE")) if t and re.search("[0-9]", t)), "")
        if not text or re.match("issued", text):
            continue
        all_words = f"{kind_2} {text}"
        if re.search(UN_OTHER, all_words, re.IGNORECASE):
            continue
        text = re.split(r" issued| under|, expired", text)[0]
        bracket = re.search(r"\(([^()0-9]*)\)$|, ([A-Z][A-Za-z ]+)$", text)
        where = said.get("ISSUING_COUNTRY") or (bracket and (bracket[1] or bracket[2])) or ""
        text = text[: bracket.start()] if bracket else re.sub(r" \(Expire.*", "", text)
        # The number begins at the first word with a digit, or at a serial of capitals in front of that word.
        number = re.search(r"(?:\b[A-Z]{1,2}-? ?(?:P )?)?\S*[0-9].*$", text)
        front = text[: number.start()] if number else text
        digits = re.sub(r"\bNo\. |N°", "", number[0]) if number else ""
        words = [kind_2.lower(), front.lower()]
        if not where:
            names = [
                *SAME_COUNTRY,
                "central african republic",
                "jordan",
                "yemen",
                "libya",
                "indonesia",
                "congo",
                "united states",
            ]
            where = next((n for w in words for n in names if re.match(rf"{re.escape(n)}\b", w.strip())), "")
        where = where or said.get("COUNTRY_OF_ISSUE", "")
        passport = re.search(
            "passport|passeport|pasaporte|laissez-passer|travel document", f"{kind_1} {all_words}", re.I
        )
        keep(found, "passport" if passport and "as mentioned" not in all_words else "national-id", digits, where)
    return found


if __name__ == "__main__":  # a look at the table, without the product
    held = lists()
    for kind in KINDS:
        sizes = [len(held[name][kind]) for name in FILES]
        shared = [len(held[a][kind].keys() & held[b][kind].keys()) for a, b in
                  (("un-2020", "ofac-2024"), ("un-2020", "ofac-2021"), ("ofac-2024", "ofac-2021"))]  # fmt: skip
        print(kind, *sizes, *shared)
