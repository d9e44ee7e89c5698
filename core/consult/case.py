"""The case index: what a recipient reads first, and what binds all other objects to a request.

It lists the address of every other object, and its own address stands in the signed request: who
holds the key still cannot pass off other pixels.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from core.consult.errors import CaseMalformed

ObjectKind = Literal[
    "frames", "manifest", "qc", "findings", "outlines", "heatmap", "report", "document", "facts",
    "case", "message", "opinion", "answer",
]  # fmt: skip
OBJECT_KINDS: tuple[ObjectKind, ...] = get_args(ObjectKind)
_ADDRESS = re.compile(r"[0-9a-f]{64}\Z")
_OBJECT = re.compile(r"o_[0-9a-f]{32}\Z")


@dataclass(frozen=True, slots=True)
class CaseObject:
    """One object of a case.

    Attributes
    ----------
    position : mapping
        {} or opaque ordinals: study, series, instance, frames [first, count].
    length : int
        Bytes of the plaintext.
    epoch : int
        Epoch of the key that it is sealed under.
    """

    object: str
    kind: str
    address: str
    length: int
    content_type: str
    position: Mapping[str, Any]
    title: str = ""
    epoch: int = 1

    def as_json(self) -> dict[str, Any]:
        """Return its form in the index."""
        return {
            "object": self.object,
            "kind": self.kind,
            "position": dict(self.position),
            "address": self.address,
            "length": self.length,
            "content_type": self.content_type,
            "title": self.title,
            "epoch": self.epoch,
        }


@dataclass(frozen=True, slots=True)
class CaseIndex:
    """A consultation's index; everything here identifies the patient and is always sealed."""

    patient: Mapping[str, str]
    purpose: str
    summary: str
    consent: Mapping[str, str]
    objects: tuple[CaseObject, ...]
    studies: tuple[Mapping[str, Any], ...]
    requester: Mapping[str, str]

    def as_json(self) -> dict[str, Any]:
        """Return the sealed form."""
        return {
            "patient": dict(self.patient),
            "purpose": self.purpose,
            "summary": self.summary,
            "consent": dict(self.consent),
            "objects": [one.as_json() for one in self.objects],
            "studies": [dict(one) for one in self.studies],
            "requester": dict(self.requester),
        }


def parse_case(value: Mapping[str, Any]) -> CaseIndex:
    """Return the index of opened JSON.

    Raises
    ------
    CaseMalformed
    """
    for name, kind in (("patient", dict), ("purpose", str), ("summary", str), ("consent", dict),
                       ("objects", list), ("studies", list)):  # fmt: skip
        if not isinstance(value.get(name), kind):
            raise CaseMalformed(field=name)
    objects = tuple(_object(one) for one in value["objects"])
    if len({one.object for one in objects}) != len(objects):
        raise CaseMalformed(field="objects")
    return CaseIndex(
        patient=value["patient"],
        purpose=value["purpose"],
        summary=value["summary"],
        consent=value["consent"],
        objects=objects,
        studies=tuple(value["studies"]),
        requester=value.get("requester", {}),
    )


def _object(value: Any) -> CaseObject:
    sound = (
        isinstance(value, dict)
        and isinstance(value.get("object"), str)
        and _OBJECT.match(value["object"])
        and value.get("kind") in OBJECT_KINDS
        and isinstance(value.get("address"), str)
        and _ADDRESS.match(value["address"])
        and type(value.get("length")) is int
        and isinstance(value.get("position"), dict)
        and isinstance(value.get("content_type"), str)
        and isinstance(value.get("title", ""), str)
        and type(value.get("epoch", 1)) is int
    )
    if not sound:
        raise CaseMalformed(field="objects")
    names = CaseObject.__dataclass_fields__
    return CaseObject(**{name: value[name] for name in names if name in value})
