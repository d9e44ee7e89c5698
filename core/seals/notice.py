"""Notices: "there is something for you", signed by the hub, carried by a broker nobody need trust.

A notice says that the hub's chain for the box's hospital has a row. It carries routing facts only,
what the broker may know: kind, consultation, urgency, place in the chain, time. The row itself
comes by the link, verified; a notice that is lost, doubled, late or replayed changes nothing.

Topics: ``xinglin/<region>/box/<node>/notice`` (the hub writes, that box reads) and
``…/telemetry`` (that box writes). The region is the first 16 digits of the hub's node id.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from core.seals.keybook import FixedKeys
from core.seals.notice_errors import NoticeMalformed, NoticeNotOurs
from core.seals.statements import NodeKey, open_statement, sign_node

DOMAIN = "xinglin notice v1"
#: A notice is some 500 bytes; whatever is longer is none.
MOST_BYTES = 2048
_URGENCIES = frozenset({"", "emergency", "urgent", "routine"})
_KIND = re.compile(r"[a-z][a-z._-]{0,31}")
_CONSULT = re.compile(r"(c_[0-9a-f]{32})?")
_AT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,15}Z")
_FIELDS = frozenset({"at", "box", "consult", "kind", "seq", "urgency"})


@dataclass(frozen=True, slots=True)
class Notice:
    """What the hub says.

    Attributes
    ----------
    kind : str
        The event's kind (``opinion``, ``information.asked`` …), or that of another row.
    consult : str
        Id of the consultation; "" where the row is about none.
    urgency : {"emergency", "urgent", "routine", ""}
    seq : int
        Place of the row in the hub's chain for the hospital; it names the notice.
    at : str
        ISO 8601, the hub's clock.
    """

    kind: str
    consult: str
    urgency: str
    seq: int
    at: str


def topic_of(hub: str, node: str) -> str:
    """Return the topic of a box's notices."""
    return f"{root_of(hub)}/box/{node}/notice"


def root_of(hub: str) -> str:
    """Return what all topics of a region begin with."""
    return f"xinglin/{hub[:16]}"


def sign_notice(notice: Notice, node: str, hub: NodeKey) -> bytes:
    """Return a notice for one box, signed by the hub."""
    body = {
        "at": notice.at, "box": node, "consult": notice.consult, "kind": notice.kind,
        "seq": notice.seq, "urgency": notice.urgency,
    }  # fmt: skip
    return sign_node(body, DOMAIN, hub)


def open_notice(data: bytes, node: str, hub: str, public: Ed25519PublicKey) -> Notice:
    """Return a notice that the hub signed for this box.

    Raises
    ------
    StatementMalformed, SignatureWrong, SignerUnknown, DomainWrong
        If it is not the hub's word.
    NoticeMalformed, NoticeNotOurs
        If it is, but no notice, or another box's.
    """
    if len(data) > MOST_BYTES:
        raise NoticeMalformed(field="size")
    body = open_statement(data, FixedKeys(nodes={hub: public}), DOMAIN).body
    if body.keys() != _FIELDS:
        raise NoticeMalformed(field="fields")
    if body["box"] != node:
        raise NoticeNotOurs
    seq = body["seq"]
    if type(seq) is not int or seq <= 0:  # canonical JSON holds it below 2**53
        raise NoticeMalformed(field="seq")
    return Notice(
        kind=_text(body, "kind", _KIND),
        consult=_text(body, "consult", _CONSULT),
        urgency=_urgency(body["urgency"]),
        seq=seq,
        at=_text(body, "at", _AT),
    )


def _text(body: dict[str, Any], field: str, pattern: re.Pattern[str]) -> str:
    value = body[field]
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise NoticeMalformed(field=field)
    return value


def _urgency(value: object) -> str:
    if not isinstance(value, str) or value not in _URGENCIES:
        raise NoticeMalformed(field="urgency")
    return value
