"""The canonicalization profile: every rule and table in one document, and its hash.

Both envelopes carry the hash. Two nodes whose hashes differ would disagree about what is equal and find less than
they share without noticing, so they refuse each other instead.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from typing import Any, Final

from protocol.identifiers import (
    base_encodings,
    countries,
    dates,
    emails,
    folding,
    kinds,
    mrz,
    name_letters,
    name_parts,
    name_sounds,
    names,
    phones,
    plates,
    wallets,
)

# Raise it with every change to a procedure (the code of a rule); a change to a table changes the hash by itself.
# tests/unit/protocol/identifiers pins the hash and the vectors, so that neither can change unnoticed.
PROFILE_VERSION: Final = 2

_PROCEDURES: Final = {
    "encoding": "tag, then length (1 byte) and bytes of each field",
    "document number": "fold; some digit; length; no filler",
    "iban": "fold; label off; form; ISO 7064 mod 97-10 and the country's structure",
    "imo": "fold; label off; form; no repeated digit; check digit",
    "crypto-wallet": "blanks and scheme off; decode; checksum; family and decoded bytes",
    "tax-id": "document number; the country's alpha-2 code off if a digit and enough digits follow",
    "phone": "marks off; label and extension off; international, else as dialled in the country; length of the plan",
    "e-mail": "blanks off; lower case; form; the provider's domain and what it ignores",
    "vehicle-plate": "look-alikes and accents to A-Z; fold; length; some digit",
    "imei": "fold; label off; form; Luhn if there is a check digit; 14 digits",
    "name-dob": "fold letters; titles and particles off; Latin letters; compounds; variants; skeletons; smallest sets "
    "of skeletons with enough bits beside a day or a month; whole name if no part has enough beside a day",
    "date": "fold; one of the forms; day and month of at most twelve in ascending order; a year has twelve months",
    "mrz": "blanks off; TD1, TD2 or TD3 by length; all check digits; century from the expiry",
    "country": "name key; exact match in the table; alpha-3",
}


def document() -> dict[str, Any]:
    """Return the profile as plain values: what docs/identifiers.md describes, for audit and comparison."""
    return {
        "profile": f"accord/v1/identifiers/{PROFILE_VERSION}",
        "procedures": _PROCEDURES,
        "kinds": [[k.name, k.tag, list(k.fields), k.strength.value, k.max_keys] for k in kinds.KINDS.values()],
        "limits": {
            "raw characters": folding.MAX_RAW_CHARACTERS,
            "document characters": [kinds.MIN_DOCUMENT_CHARACTERS, kinds.MAX_DOCUMENT_CHARACTERS],
            "fillers": list(kinds.FILLERS),
            "iban": [kinds.IBAN_LABEL, kinds.IBAN_FORM],
            "imo": [kinds.IMO_LABEL, kinds.IMO_FORM],
            "imei": kinds.IMEI_FORM,
            "plate characters": [plates.MIN_PLATE_CHARACTERS, plates.MAX_PLATE_CHARACTERS],
        },
        "folding": {
            "blanks": folding.BLANKS,
            "invisible": folding.INVISIBLE,
            "dashes": folding.DASHES,
            "quotes": folding.QUOTES,
            "grouping": folding.GROUPING,
            "masks": folding.MASKS,
            "digits from": folding.DIGIT_ZEROS,
            "letters from": folding.FULL_WIDTH,
            "name letters": folding.NAME_LETTERS,
            "name blanks": folding.NAME_BLANKS,
            "name dropped": folding.NAME_DROPPED,
        },
        "countries": [countries.TABLE, countries.OTHER_ISSUERS, list(countries.AMBIGUOUS)],
        "tax prefixes": sorted(kinds.TAX_PREFIXES.items()),
        "phones": {
            "plans": phones.TABLE,
            "global": list(phones.GLOBAL_CODES),
            "mobile marks": {code: list(mark) for code, mark in phones.MOBILE_MARKS.items()},
            "forms": [phones.PLUS, phones.LABELS, phones.EXTENSION],
            "digits": [phones.MIN_GLOBAL_DIGITS, phones.MAX_E164_DIGITS, phones.MIN_UNMARKED_DIGITS],
        },
        "e-mail": {
            "forms": [emails.LOCAL_FORM, emails.LABEL_FORM, emails.SCHEME],
            "characters": [emails.MAX_LOCAL_CHARACTERS, emails.MAX_DOMAIN_CHARACTERS],
            "providers": {domain: list(rule) for domain, rule in emails.PROVIDERS.items()},
        },
        "plates": [plates.LOOK_ALIKES, plates.SAUDI_LETTERS, plates.COUNTRY_MARKS],
        "names": {
            "letters": [name_letters.LETTERS, name_letters.COMPOSED, list(name_letters.DROPPED)],
            "words": [name_parts.WORD_BREAKS, name_parts.WORD_DROPPED, name_parts.MIN_WORDS, name_parts.MAX_WORDS],
            "left out": [name_parts.PARTICLES, name_parts.TITLES],
            "compounds": [
                name_parts.SERVANT,
                name_parts.FATHER,
                name_parts.FAITH,
                name_parts.GOD,
                name_parts.SERVANT_OF,
                name_parts.GOD_ALONE,
                name_parts.SON_OF,
                name_parts.OF_FAITH,
            ],
            "variants": name_parts.VARIANTS,
            "latin": [name_sounds.ARABIC, name_sounds.CYRILLIC],
            "before": [list(name_sounds.CYRILLIC_RULES), list(name_sounds.ARABIC_RULES)],
            "after": [list(name_sounds.ARABIC_ARTICLE), name_sounds.ARTICLE, name_sounds.PERHAPS_ARTICLE],
            "classes": [list(name_sounds.RULES), name_sounds.AMBIGUOUS],
            "skeletons": [
                list(name_sounds.COARSER),
                name_sounds.SHORT,
                name_sounds.VOWEL_TOLD,
                name_sounds.MAX_READINGS,
            ],
            "bits": [list(names.BITS), names.COMMON, names.DAY_BITS, names.NEW_YEAR_BITS, names.MONTH_BITS],
            "keys": [
                names.MAX_KEYS,
                names.MAX_WORDS_IN_KEY,
                names.MAX_COMBINED_WORDS,
                names.MAX_WORDS_IN_WHOLE,
                names.EXACT,
            ],
        },
        "dates": {
            "years": [dates.FIRST_YEAR, dates.LAST_YEAR, dates.MAX_YEARS, dates.ABOUT_YEARS],
            "words": [list(dates.MONTHS), dates.ABOUT, dates.BETWEEN, dates.UNTIL],
        },
        "mrz": [list(mrz.WEIGHTS), mrz.VALUES, mrz.ISSUERS, mrz.FIRST_EXPIRY_YEAR],
        "wallets": {
            "base58": [base_encodings.BITCOIN_ALPHABET, base_encodings.RIPPLE_ALPHABET],
            "bech32": [base_encodings.BECH32_ALPHABET, base_encodings.BECH32_CONSTANT, base_encodings.BECH32M_CONSTANT],
            "versions": wallets.VERSIONS,
            "same version": wallets.SAME_VERSION,
            "segwit": list(wallets.SEGWIT_PREFIXES),
            "sapling": wallets.SAPLING_PREFIX,
            "cash": [wallets.CASH_PREFIX, sorted(wallets.CASH_TYPES.items())],
            "monero": [sorted(wallets.MONERO_NETWORKS.items()), sorted(wallets.MONERO_LENGTHS.items())],
            "ripple": wallets.RIPPLE_VERSION.hex(),
            "schemes": list(wallets.URI_SCHEMES),
        },
    }


@cache
def profile_hash() -> bytes:
    """Return SHA-512 over the profile as JSON: sorted keys, no blanks, ASCII with escapes. 64 bytes."""
    text = json.dumps(document(), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha512(text.encode("ascii")).digest()
