"""E-mail addresses: one mailbox, one value.

Case is dropped everywhere: RFC 5321 lets a server tell "Ann" from "ann", and none in use does. What a large provider
ignores in the local part is dropped for that provider alone. A domain in another script is refused unless it is in
its ASCII form (xn--): IDNA's tables follow the version of Unicode, and two nodes could disagree.
"""

from __future__ import annotations

import re
from typing import Final

from protocol.identifiers.errors import TooLongError, UnsupportedCharacterError, WrongFormatError
from protocol.identifiers.folding import drop_spacing

LOCAL_FORM: Final = r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*"  # dot-atom, RFC 5322, 3.2.3
LABEL_FORM: Final = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"  # RFC 1035, section 2.3.1, and RFC 1123, 2.1
MAX_LOCAL_CHARACTERS: Final = 64  # RFC 5321, section 4.5.3.1.1
MAX_DOMAIN_CHARACTERS: Final = 253  # RFC 1035: 255 on the wire
# Domain -> (the domain under which the provider's mailboxes are kept here, characters that it ignores in the local
# part). All of them ignore what follows "+". From the providers' own help pages.
PROVIDERS: Final = {
    "gmail.com": ("gmail.com", "."),
    "googlemail.com": ("gmail.com", "."),
    "proton.me": ("proton.me", ".-_"),
    "protonmail.com": ("proton.me", ".-_"),
    "pm.me": ("proton.me", ".-_"),
    "outlook.com": ("outlook.com", ""),
    "hotmail.com": ("hotmail.com", ""),
    "live.com": ("live.com", ""),
    "icloud.com": ("icloud.com", ""),
    "me.com": ("icloud.com", ""),
    "mac.com": ("icloud.com", ""),
    "fastmail.com": ("fastmail.com", ""),
    "yandex.ru": ("yandex.ru", ".-"),
    "yandex.com": ("yandex.ru", ".-"),
    "yandex.by": ("yandex.ru", ".-"),
    "yandex.kz": ("yandex.ru", ".-"),
    "yandex.ua": ("yandex.ru", ".-"),
    "ya.ru": ("yandex.ru", ".-"),
}
SCHEME: Final = "mailto:"

_LOCAL: Final = re.compile(LOCAL_FORM)
_LABEL: Final = re.compile(LABEL_FORM)


def canonical_email(raw: str) -> tuple[bytes, ...]:
    """Return local part and domain, as the mailbox is known to its provider.

    Raises:
        WrongFormatError, UnsupportedCharacterError, TooLongError: no mailbox that the profile can tell.
    """
    text = drop_spacing(raw).lower().removeprefix(SCHEME).strip("<>\"'.,;").removeprefix(SCHEME)
    if not text.isascii():
        raise UnsupportedCharacterError("expected an address in ASCII, its domain as xn--, got another character")
    local, _, domain = text.rpartition("@")
    labels = domain.split(".")
    if not _LOCAL.fullmatch(local) or len(labels) < 2 or not all(map(_LABEL.fullmatch, labels)):
        raise WrongFormatError("expected local-part@domain, unquoted, got another form")
    if len(local) > MAX_LOCAL_CHARACTERS or len(domain) > MAX_DOMAIN_CHARACTERS:
        raise TooLongError(f"expected at most {MAX_LOCAL_CHARACTERS} and {MAX_DOMAIN_CHARACTERS} characters, got more")
    if domain in PROVIDERS:
        domain, ignored = PROVIDERS[domain]
        local = local.partition("+")[0].translate(dict.fromkeys(map(ord, ignored)))
        if not local:
            raise WrongFormatError("expected a local part, got none besides what the provider ignores")
    return local.encode("ascii"), domain.encode("ascii")
