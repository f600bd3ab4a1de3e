"""Telephone numbers: the digits of E.164, from any way of writing them, by one frozen table of numbering plans.

A number in international form needs no country. Any other is read as someone in the given country would dial it.
The table was condensed once from the numbering plans; nothing here asks a library, so that two nodes with different
versions of one cannot disagree. tests/unit/protocol/identifiers compares with what a library says.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from protocol.identifiers.countries import resolve
from protocol.identifiers.errors import (
    CountryMissingError,
    CountryUnknownError,
    PlaceholderError,
    TooLongError,
    TooShortError,
    WrongFormatError,
)
from protocol.identifiers.folding import ASCII, fold_number

# ITU-T E.164: calling code, trunk prefix or "-", prefix for international calls, digits of a national (significant)
# number of a fixed or mobile line, countries.
TABLE: Final = """\
1 1 011 10-10 USA AIA ASM ATG BHS BMU BRB CAN CYM DMA DOM GRD GUM JAM KNA LCA MNP MSR PRI SXM TCA TTO VCT VGB VIR
20 0 00 8-10 EGY
211 0 00 9-9 SSD
212 0 00 9-9 MAR ESH
213 0 00 8-9 DZA
216 - 00 8-8 TUN
218 0 00 9-9 LBY
220 - 00 7-9 GMB
221 - 00 9-9 SEN
222 - 00 8-8 MRT
223 - 00 8-8 MLI
224 - 00 8-9 GIN
225 - 00 10-10 CIV
226 - 00 8-8 BFA
227 - 00 8-8 NER
228 - 00 8-8 TGO
229 - 00 10-10 BEN
230 - 00 7-8 MUS
231 0 00 7-9 LBR
232 0 00 8-8 SLE
233 0 00 9-9 GHA
234 0 009 10-10 NGA
235 - 00 8-8 TCD
236 - 00 8-8 CAF
237 - 00 9-9 CMR
238 - 00 7-7 CPV
239 - 00 7-7 STP
240 - 00 9-9 GNQ
241 - 00 7-8 GAB
242 - 00 9-9 COG
243 0 00 7-10 COD
244 - 00 9-9 AGO
245 - 00 7-9 GNB
246 - 00 7-7 IOT
248 - 00 7-7 SYC
249 0 00 9-9 SDN
250 0 00 8-9 RWA
251 0 00 9-9 ETH
252 0 00 6-9 SOM
253 - 00 8-8 DJI
254 0 000 7-9 KEN
255 0 000 9-9 TZA
256 0 000 9-9 UGA
257 - 00 8-8 BDI
258 - 00 8-9 MOZ
260 0 00 9-9 ZMB
261 0 00 9-9 MDG
262 0 00 9-9 REU MYT
263 0 00 9-10 ZWE
264 0 00 8-9 NAM
265 0 00 7-9 MWI
266 - 00 8-8 LSO
267 - 00 7-8 BWA
268 - 00 8-8 SWZ
269 - 00 7-7 COM
27 0 00 5-9 ZAF
290 - 00 4-5 SHN
291 0 00 7-7 ERI
297 - 00 7-7 ABW
298 - 00 6-6 FRO
299 - 00 6-6 GRL
30 - 00 10-10 GRC
31 0 00 9-11 NLD
32 0 00 8-9 BEL
33 0 00 9-9 FRA
34 - 00 9-9 ESP
350 - 00 8-8 GIB
351 - 00 9-9 PRT
352 - 00 4-11 LUX
353 0 00 7-10 IRL
354 - 00 7-9 ISL
355 0 00 8-9 ALB
356 - 00 8-8 MLT
357 - 00 8-8 CYP
358 0 00 5-10 FIN ALA
359 0 00 6-9 BGR
36 06 00 8-9 HUN
370 0 00 8-8 LTU
371 - 00 8-8 LVA
372 - 00 7-8 EST
373 0 00 8-8 MDA
374 0 00 8-8 ARM
375 80 810 9-9 BLR
376 - 00 6-9 AND
377 0 00 8-9 MCO
378 - 00 8-10 SMR
380 0 00 9-9 UKR
381 0 00 7-12 SRB
382 0 00 8-8 MNE
383 0 00 8-12 XKX
385 0 00 8-9 HRV
386 0 00 8-8 SVN
387 0 00 8-9 BIH
389 0 00 8-8 MKD
39 - 00 6-12 ITA VAT
40 0 00 6-9 ROU
41 0 00 9-9 CHE
420 - 00 9-9 CZE
421 0 00 6-9 SVK
423 0 00 7-9 LIE
43 0 00 4-13 AUT
44 0 00 9-10 GBR GGY IMN JEY
45 - 00 8-8 DNK
46 0 00 7-9 SWE
47 - 00 8-8 NOR SJM
48 - 00 7-9 POL
49 0 00 5-15 DEU
500 - 00 5-5 FLK
501 - 00 7-7 BLZ
502 - 00 8-8 GTM
503 - 00 8-8 SLV
504 - 00 8-8 HND
505 - 00 8-8 NIC
506 - 00 8-8 CRI
507 - 00 7-8 PAN
508 0 00 6-9 SPM
509 - 00 8-8 HTI
51 0 00 8-9 PER
52 - 00 10-10 MEX
53 0 119 6-10 CUB
54 0 00 10-11 ARG
55 0 00 10-11 BRA
56 - 00 9-9 CHL
57 0 009 8-10 COL
58 0 00 10-10 VEN
590 0 00 9-9 GLP BLM MAF
591 0 00 8-8 BOL
592 - 001 7-7 GUY
593 0 00 8-9 ECU
594 0 00 9-9 GUF
595 0 00 7-9 PRY
596 0 00 9-9 MTQ
597 - 00 6-7 SUR
598 0 00 8-8 URY
599 - 00 7-8 CUW BES
60 0 00 8-10 MYS
61 0 0011 9-9 AUS CCK CXR
62 0 001 7-12 IDN
63 0 00 6-10 PHL
64 0 00 8-10 NZL
65 - 001 8-8 SGP
66 0 001 8-9 THA
670 - 00 7-8 TLS
672 - 00 6-6 NFK
673 - 00 7-7 BRN
674 - 00 7-7 NRU
675 - 00 7-8 PNG
676 - 00 5-7 TON
677 - 00 5-7 SLB
678 - 00 5-7 VUT
679 - 00 7-7 FJI
680 - 00 7-7 PLW
681 - 00 6-6 WLF
682 - 00 5-5 COK
683 - 00 4-7 NIU
685 - 00 5-10 WSM
686 0 00 5-8 KIR
687 - 00 6-6 NCL
688 - 00 5-7 TUV
689 - 00 8-8 PYF
690 - 00 4-7 TKL
691 - 00 7-7 FSM
692 1 011 7-7 MHL
7 8 810 10-10 RUS KAZ
81 0 010 9-10 JPN
82 0 001 5-10 KOR
84 0 00 9-10 VNM
850 0 00 8-10 PRK
852 - 001 8-8 HKG
853 - 00 8-8 MAC
855 0 001 8-9 KHM
856 0 00 8-10 LAO
86 0 00 7-11 CHN
880 0 00 6-10 BGD
886 0 002 8-11 TWN
90 0 00 10-10 TUR
91 0 00 10-10 IND
92 0 00 9-10 PAK
93 0 00 9-9 AFG
94 0 00 9-9 LKA
95 0 00 6-10 MMR
960 - 00 7-7 MDV
961 0 00 7-8 LBN
962 0 00 8-9 JOR
963 0 00 8-9 SYR
964 0 00 8-10 IRQ
965 - 00 8-8 KWT
966 0 00 9-9 SAU
967 0 00 7-9 YEM
968 - 00 8-8 OMN
970 0 00 8-9 PSE
971 0 00 8-9 ARE
972 0 00 8-12 ISR
973 - 00 8-8 BHR
974 - 00 8-8 QAT
975 - 00 7-8 BTN
976 0 001 8-10 MNG
977 0 00 8-10 NPL
98 0 00 6-10 IRN
992 - 810 9-9 TJK
993 8 810 8-8 TKM
994 0 00 9-9 AZE
995 0 00 9-9 GEO
996 0 00 9-9 KGZ
998 - 00 9-9 UZB
"""
# Calling codes that belong to no country: freephone, shared cost, satellite and international networks (E.164 annex).
GLOBAL_CODES: Final = ("800", "808", "870", "878", "881", "882", "883", "888", "979")
MIN_GLOBAL_DIGITS: Final = 5
MAX_E164_DIGITS: Final = 15  # E.164, section 6.1
MIN_UNMARKED_DIGITS: Final = 11  # a longer number that begins with its own calling code is one that lost its "+"
# Digits that some plans put between calling code and number for calls from abroad to a mobile line; Mexico ended it
# in 2019, Argentina has not. With it and without it is the same line.
MOBILE_MARKS: Final = {"52": ("1", 11), "54": ("9", 11)}  # calling code -> digit, digits of the number with it
PLUS: Final = "+\uff0b"  # with its full-width form
LABELS: Final = "(?:TEL(?:EPHONE)?|PHONE|MOBILE|MOB|CELL|FAX)"
EXTENSION: Final = "(?:EXT(?:ENSION)?|X)[0-9]{1,6}"

_PLUS: Final[dict[int, str | None]] = {**ASCII, **dict.fromkeys(map(ord, PLUS))}
_NUMBER: Final = re.compile(rf"{LABELS}?([0-9]+)(?:{EXTENSION})?")


@dataclass(frozen=True, slots=True)
class _Plan:
    code: str
    trunk: str
    abroad: str
    shortest: int
    longest: int

    def fits(self, national: str) -> bool:
        return self.shortest <= len(national) <= self.longest


def _parse(table: str) -> tuple[dict[str, _Plan], dict[str, _Plan]]:
    by_code, by_country = {}, {}
    for line in table.splitlines():
        code, trunk, abroad, digits, *countries = line.split()
        shortest, longest = map(int, digits.split("-"))
        by_code[code] = plan = _Plan(code, trunk.strip("-"), abroad, shortest, longest)
        by_country.update(dict.fromkeys(countries, plan))
    return by_code, by_country


_BY_CODE, _BY_COUNTRY = _parse(TABLE)


def canonical_phone(country: str, number: str) -> tuple[bytes, ...]:
    """Return the E.164 digits of a number; `country` may be empty if the number is in international form.

    Raises:
        IdentifierError: not a number that could be dialled.
    """
    unmarked = number.translate(_PLUS)
    match = _NUMBER.fullmatch(fold_number(unmarked))
    if not match or len(number) - len(unmarked) > 1:
        raise WrongFormatError("expected a telephone number and at most one extension, got something else")
    digits = match[1]
    if len(set(digits)) == 1:
        raise PlaceholderError("expected a number, got a filler")
    if len(number) > len(unmarked):
        return (_international(digits).encode("ascii"),)
    if not country.strip():
        if digits.startswith("00"):
            return (_international(digits[2:]).encode("ascii"),)
        raise CountryMissingError("expected a number in international form or its country, got neither")
    if (plan := _BY_COUNTRY.get(resolve(country))) is None:
        raise CountryUnknownError("expected a country with a numbering plan, got one without")
    return (_dialled(plan, digits).encode("ascii"),)


def _dialled(plan: _Plan, digits: str) -> str:
    """Read digits as dialled within a country: abroad, over the trunk, unmarked international, or bare."""
    if digits.startswith(plan.abroad) and len(digits) > len(plan.abroad) + plan.shortest:
        return _international(digits.removeprefix(plan.abroad))
    if digits.startswith("00"):
        return _international(digits[2:])
    bare = digits.removeprefix(plan.trunk)
    if bare != digits and plan.fits(bare):
        return _joined(plan, bare)
    unmarked = digits.removeprefix(plan.code)
    if unmarked != digits and plan.fits(unmarked) and (len(digits) >= MIN_UNMARKED_DIGITS or not plan.fits(digits)):
        return _joined(plan, unmarked)
    return _joined(plan, digits)


def _international(digits: str) -> str:
    for length in (1, 2, 3):
        code, national = digits[:length], digits[length:]
        if plan := _BY_CODE.get(code):
            if plan.trunk == "0":  # +44 (0)20 ...
                national = national.removeprefix("0")
            return _joined(plan, national)
        if code in GLOBAL_CODES:
            return _joined(_Plan(code, "", "", MIN_GLOBAL_DIGITS, MAX_E164_DIGITS - length), national)
    raise WrongFormatError("expected a calling code of the profile's table, got another")


def _joined(plan: _Plan, national: str) -> str:
    mark, marked_digits = MOBILE_MARKS.get(plan.code, ("", 0))
    if len(national) == marked_digits:
        national = national.removeprefix(mark)
    if len(national) < plan.shortest:
        raise TooShortError(f"expected at least {plan.shortest} digits behind the calling code, got {len(national)}")
    if len(national) > plan.longest or len(plan.code + national) > MAX_E164_DIGITS:
        raise TooLongError(f"expected at most {plan.longest} digits behind the calling code, got {len(national)}")
    return plan.code + national
