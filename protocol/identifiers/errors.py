"""Why a value is not an identifier. The code is what an import report counts; no message holds the value."""

from __future__ import annotations

from typing import ClassVar

from protocol.errors import ProtocolError


class IdentifierError(ProtocolError):
    """Root of all reasons to reject a value. Its code is the reason in import reports and test vectors."""

    code: ClassVar[str] = "bad-identifier"


class EmptyValueError(IdentifierError):
    """Nothing is left once separators are taken away."""

    code = "empty"


class UnsupportedCharacterError(IdentifierError):
    """A character that the profile's folding table does not know, such as a Cyrillic or an accented letter."""

    code = "unsupported-character"


class MaskedError(IdentifierError):
    """A mark that stands for an unknown character: an identifier with a hole is none."""

    code = "masked"


class NoDigitError(IdentifierError):
    """A document number without any digit: a word."""

    code = "no-digit"


class TooShortError(IdentifierError):
    """Too few letters and digits to tell documents apart."""

    code = "too-short"


class TooLongError(IdentifierError):
    """More letters and digits than any document number has: several values in one, or prose."""

    code = "too-long"


class PlaceholderError(IdentifierError):
    """A filler such as 0000000 or 123456789. Two agencies that use the same filler share nothing."""

    code = "placeholder"


class CountryMissingError(IdentifierError):
    """The kind needs the issuing country and none was given."""

    code = "country-missing"


class CountryUnknownError(IdentifierError):
    """A country that the profile's alias table does not hold."""

    code = "country-unknown"


class CountryAmbiguousError(IdentifierError):
    """A name that authorities use for more than one country, such as Congo or Korea."""

    code = "country-ambiguous"


class WrongFormatError(IdentifierError):
    """Not the shape of this kind: length, alphabet, country structure, or an unknown address format."""

    code = "wrong-format"


class CheckDigitError(IdentifierError):
    """The right shape, but its check digits or checksum do not fit: a typing or reading mistake."""

    code = "check-digit"


class DateError(IdentifierError):
    """Not a date of the Gregorian calendar in a form that is known, or a range that is too wide."""

    code = "bad-date"


class NotDistinctiveError(IdentifierError):
    """A common name beside a vague date: equal values would mostly belong to strangers."""

    code = "not-distinctive"
