"""Follow-up requests: what docs/hits.md says is what is written, signed, read and refused."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import nodes
from nodes.errors import FollowUpError
from nodes.followup import (
    MAX_HITS,
    PAYLOAD_TYPE,
    FollowUp,
    as_json_fields,
    make_follow_up,
    read_follow_up,
    write_follow_up,
)
from nodes.hits import Hit
from nodes.identity import Signer
from nodes.signed_file import write_signed
from nodes.verdicts import REASONS, Decision, Verdict
from tests.agency import NOW_MS, Agency, make_agency
from tests.results import BASIS, PERSON, Kept, identifier, keep_result

DOCS = Path(nodes.__file__).parents[1] / "docs"
SAMPLE = (DOCS / "samples" / "follow-up.json").read_bytes()
PAGE = (DOCS / "hits.md").read_text(encoding="utf-8")
SAMPLE_KEY = bytes.fromhex("7c75a2cdffdba76d82655e1ea89b788a49246e6de20a182cde7601fffad9b366")
SIGNER = Signer(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))


@pytest.fixture
def north(tmp_path: Path) -> Agency:
    return make_agency(tmp_path / "north")


def request_of(north: Agency, kept: Kept, *hits: Hit, note: str = "Seen it") -> FollowUp:
    decided = {h.number: Decision(h.number, Verdict.CONFIRMED, "second-source", note, "op-7", NOW_MS, 4) for h in hits}
    return make_follow_up(north.config, kept.result, kept.digest, hits, decided, "op-9", NOW_MS + 60)


class TestSample:
    def test_it_is_what_the_page_shows(self) -> None:
        request = read_follow_up(SAMPLE).request
        (shown,) = re.findall(r"```json\n(.*?)\n```", PAGE, re.DOTALL)
        assert json.loads(shown) == json.loads(json.dumps({"version": 1, **as_json_fields(request)}))

    def test_it_was_signed_by_the_key_on_the_page(self) -> None:
        assert SAMPLE_KEY.hex() in PAGE
        read_follow_up(SAMPLE).verify(SAMPLE_KEY)
        with pytest.raises(FollowUpError):
            read_follow_up(SAMPLE).verify(SIGNER.public_key)

    def test_the_page_names_every_field_and_reason(self) -> None:
        payload = json.loads(base64.b64decode(json.loads(SAMPLE)["payload"]))
        names = {*payload, *payload["legal_basis"], *(name for hit in payload["hits"] for name in hit)}
        tables = "\n".join(line for line in PAGE.splitlines() if line.startswith("|"))
        assert {name for name in names if f"`{name}`" not in tables} == set()
        for verdict, codes in REASONS.items():
            for code, meaning in codes.items():
                assert f"| {verdict.value} | `{code}` | {meaning} |" in PAGE


def test_a_request_says_what_the_result_and_the_decisions_say(north: Agency) -> None:
    kept = keep_result(north)
    request = request_of(north, kept, *kept.result.choose(frozenset([1, 3])))
    content, fingerprint = write_follow_up(request, north.identity.signer)
    signed = read_follow_up(content)
    signed.verify(north.identity.signer.public_key)
    assert (signed.request, signed.fingerprint) == (request, fingerprint)
    assert (request.sender, request.recipient, request.asked_by, request.realm) == (
        "fiu-north",
        "fiu-south",
        "fiu-north",
        "exercise",
    )
    assert (request.session, request.envelope_digest) == (kept.result.session, kept.digest)
    assert (request.legal_basis, request.asked, request.made_by, request.made_ms) == (
        BASIS,
        "suspects",
        "op-9",
        NOW_MS + 60,
    )
    assert [(hit.number, hit.kind, hit.identifier, hit.own_references) for hit in request.hits] == [
        (1, "passport-number", identifier(1), ("own-1",)),
        (3, "iban", identifier(3), ("own-3",)),
    ]
    assert {(h.confirmed_by, h.confirmed_ms, h.reason, h.note, h.ledger_row) for h in request.hits} == {
        ("op-7", NOW_MS, "second-source", "Seen it", 4)
    }
    assert PERSON not in json.dumps(as_json_fields(request)), "what own records show stays here"


def test_with_a_note_the_identifier_stays_here(north: Agency) -> None:
    kept = keep_result(north, notes=True)
    request = request_of(north, kept, *kept.result.choose(frozenset([2])))
    assert (request.hits[0].partner_note, request.hits[0].identifier) == ("South, desk 4: S-2", "")
    content, _ = write_follow_up(request, SIGNER)
    assert identifier(2) not in base64.b64decode(json.loads(content)["payload"]).decode()
    assert read_follow_up(content).request == request


def test_an_answer_to_the_partners_question_can_be_followed_up_too(north: Agency) -> None:
    kept = keep_result(north, asked_by="fiu-south")
    request = request_of(north, kept, *kept.result.choose(frozenset([1])))
    assert (request.sender, request.asked_by) == ("fiu-north", "fiu-south")
    assert read_follow_up(write_follow_up(request, SIGNER)[0]).request == request


@pytest.mark.parametrize("count", [0, MAX_HITS + 1])
def test_no_hits_or_too_many(north: Agency, count: int) -> None:
    kept = keep_result(north, {"iban": count})
    with pytest.raises(FollowUpError, match=f"got {count}"):
        request_of(north, kept, *kept.result.hits())


def test_the_most_hits_fit(north: Agency) -> None:
    kept = keep_result(north, {"iban": MAX_HITS})
    request = request_of(north, kept, *kept.result.hits(), note="")
    assert read_follow_up(write_follow_up(request, SIGNER)[0]).request == request


def test_what_its_reader_would_refuse_is_not_written(north: Agency) -> None:
    kept = keep_result(north)
    hit = replace(kept.result.choose(frozenset([1]))[0], records=(("two\nlines", {}),))
    with pytest.raises(FollowUpError, match="own_references") as caught:
        write_follow_up(request_of(north, kept, hit), SIGNER)
    assert identifier(1) not in str(caught.value)


Change = Callable[[dict[str, Any]], object]
CHANGES: dict[str, Change] = {
    "version": lambda payload: payload.update(version=2),
    "unknown field": lambda payload: payload.update(more=1),
    "no sender": lambda payload: payload.pop("sender"),
    "itself": lambda payload: payload.update(recipient="fiu-north", asked_by="fiu-north"),
    "a third one asked": lambda payload: payload.update(asked_by="fiu-east"),
    "another session": lambda payload: payload.update(session="0" * 32),
    "digest": lambda payload: payload.update(envelope_digest=payload["envelope_digest"][:-1]),
    "realm": lambda payload: payload.update(realm="test"),
    "no hits": lambda payload: payload.update(hits=[]),
    "hits as text": lambda payload: payload.update(hits="all"),
    "basis": lambda payload: payload["legal_basis"].pop("officer"),
    "basis, more": lambda payload: payload["legal_basis"].update(more="x"),
    "note and identifier": lambda payload: payload["hits"][0].update(identifier="x"),
    "neither": lambda payload: payload["hits"][0].pop("partner_note"),
    "kind": lambda payload: payload["hits"][0].update(kind="shoe-size"),
    "discarded": lambda payload: payload["hits"][0].update(reason="other-subject"),
    "nobody": lambda payload: payload["hits"][0].pop("confirmed_by"),
    "no records": lambda payload: payload["hits"][0].update(own_references=[]),
    "number": lambda payload: payload["hits"][0].update(number=0),
    "time": lambda payload: payload.update(made_ms=1.5),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_request_of_another_form_is_refused(change: Change) -> None:
    payload = json.loads(base64.b64decode(json.loads(SAMPLE)["payload"]))
    change(payload)
    content = write_signed(PAYLOAD_TYPE, json.dumps(payload).encode(), SIGNER)
    with pytest.raises(FollowUpError):
        read_follow_up(content)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        SAMPLE[:-9],
        SAMPLE.replace(b"follow-up+json", b"partner+json"),
        SAMPLE.replace(b'"sig":"', b'"sig":"*'),
        SAMPLE.replace(b'"signatures":[', b'"signatures":[{"sig":"AA=="},'),
        b" " * (1 << 20) + SAMPLE,
    ],
)
def test_a_file_of_another_form_is_refused(content: bytes) -> None:
    with pytest.raises(FollowUpError):
        read_follow_up(content)


def test_a_changed_payload_does_not_verify() -> None:
    envelope = json.loads(SAMPLE)
    payload = base64.b64decode(envelope["payload"]).replace(b"FN-2026-0042/17", b"FN-2026-0042/18")
    envelope["payload"] = base64.b64encode(payload).decode()
    changed = read_follow_up(json.dumps(envelope).encode())
    assert changed.request.hits[0].own_references == ("FN-2026-0042/18",)
    with pytest.raises(FollowUpError, match="signature"):
        changed.verify(SAMPLE_KEY)


def test_a_signature_for_another_purpose_does_not_verify() -> None:
    payload = base64.b64decode(json.loads(SAMPLE)["payload"])
    envelope = json.loads(write_signed("application/vnd.accord.v1.partner+json", payload, SIGNER))
    envelope["payloadType"] = PAYLOAD_TYPE
    with pytest.raises(FollowUpError, match="signature"):
        read_follow_up(json.dumps(envelope).encode()).verify(SIGNER.public_key)
