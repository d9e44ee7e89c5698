"""A case as it is sent: pictures, manifests, findings and what the physician ticked, sealed.

One object per frame group, so that a browser fetches what is on screen; the manifest of a study
says in which group each frame lies. The case index names every object by its address.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from core.consult.case import CaseIndex, CaseObject
from core.dicom.input_errors import InputError
from core.dicom.person import display_name
from core.errors import XinglinError
from core.records.canonical import to_bytes
from edge.consult.book import Kept
from edge.consult.facts import CATEGORIES, entered_items
from edge.consult.pictures import Group, SentFrame, frames_of, grouped
from edge.consult.region import PRIORITY
from edge.consult.results import Sets, pieces_of_results, sets_of
from edge.consult.seal import Packer, Piece
from edge.stages.manifest import manifest_of
from edge.stages.study_data import StudyData
from edge.store.box import Box

_JSON, _BYTES = "application/json", "application/octet-stream"
#: A manifest repeats itself for every slice, and sealed bytes cannot be made smaller on the way.
_GZIP = "application/gzip"
_SOP_INSTANCE = "00080018"
_FRAMES = "00280008"
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Built:
    """A case that lies in the outbox.

    Attributes
    ----------
    needs : tuple of str
        Addresses that must be at the hub before the request is: all but pictures, so that an
        expert on a poor line is asked at once and the pictures follow.
    """

    case: CaseObject
    objects: tuple[CaseObject, ...]
    needs: tuple[str, ...]
    studies: list[dict[str, Any]]


def build(box: Box, found: Kept, packer: Packer, progress: Progress, sets: Sets = sets_of) -> Built:
    """Seal a whole case into the outbox and return its index.

    Parameters
    ----------
    sets
        Tells the named result sets of a study; the index lists them with it.

    Raises
    ------
    OutboxFull
        If the outbox has no room; what was put so far is put again, as the same objects.
    """
    urgent = PRIORITY[found.request["urgency"]]
    studies = [found.study, *found.request["include"]["priors"]]
    shown = []
    for n, study in enumerate(studies):
        own = sets(box, study)
        shown.append(study_line(box, study, n) | {"result_sets": [one.label() for one in own]})
        for piece in _study_pieces(box, study, n, packer, (urgent + 1, progress)):
            packer.put(piece, urgent)
        for piece in pieces_of_results(box, study, n, own):
            packer.put(piece, urgent)
    include, by = found.request["include"], found.request["requester"]["name"]
    for piece in (*facts_pieces(box, found.study, include, by), *_papers(box, found)):
        packer.put(piece, urgent)
    objects = tuple(packer.objects)
    case = put_case(box, found, packer, objects, shown)
    needs = tuple(one.address for one in packer.objects if one.kind != "frames")  # the case too
    return Built(case, objects, needs, shown)


def put_case(
    box: Box,
    found: Kept,
    packer: Packer,
    objects: tuple[CaseObject, ...],
    studies: list[dict[str, Any]],
) -> CaseObject:
    """Seal the case index of a consultation."""
    request = found.request
    index = CaseIndex(
        patient=_patient(box, found.study),
        purpose=request["purpose"],
        summary=request["summary"],
        consent=request["consent"],
        objects=objects,
        studies=tuple(studies),
        requester=request["requester"],
    )
    piece = Piece("case", to_bytes(index.as_json()), _JSON, title=str(len(objects)))
    return packer.put(piece, PRIORITY[request["urgency"]])


def _study_pieces(
    box: Box, study: str, n: int, packer: Packer, sending: tuple[int, Progress]
) -> Iterator[Piece]:
    document = json.loads(manifest_of(box, study))
    for number, series in enumerate(document["series"]):
        series["n"] = number
        frames, places = _frames(box, study, series), list[dict[str, Any]]()
        for group in grouped(frames, alone=_middle(series["instances"])):
            places += _sent(packer, group, {"study": n, "series": number}, sending[0])
            sending[1](f"{len(packer.objects)}")
        series["frames"] = places
    data = json.dumps(document, ensure_ascii=False).encode()
    yield Piece("manifest", gzip.compress(data, mtime=0), _GZIP, {"study": n})


def _middle(instances: list[dict[str, Any]]) -> int:
    """Return the ordinal of the frame that a page opens a series at.

    By what the headers state: where an image turns out to have fewer, the page's first frame lies
    in an ordinary group, which costs time and nothing else.
    """
    count = 0
    for one in instances:
        (stated,) = one.get(_FRAMES, {}).get("Value", [1])[:1] or [1]
        count += int(stated) if str(stated).isdecimal() and int(stated) > 0 else 1
    return count // 2


def _sent(
    packer: Packer, group: Group, place: dict[str, int], priority: int
) -> list[dict[str, Any]]:
    position = {**place, "frames": [group.first, len(group.frames)]}
    first_look = [_reduced(packer, one, n, place, priority)
                  for n, one in enumerate(group.frames, start=group.first)]  # fmt: skip
    made = packer.put(Piece("frames", group.data, _BYTES, position), priority)
    return [
        {"object": made.object, "offset": offset, "length": length, "syntax": syntax, **small}
        for (offset, length, syntax), small in zip(group.places(), first_look, strict=True)
    ]


def _reduced(
    packer: Packer, frame: SentFrame, n: int, place: dict[str, int], priority: int
) -> dict[str, Any]:
    """Put the smaller form of a large frame, before the frame; return what the manifest adds."""
    small = frame.reduced
    if small is None:
        return {}
    position = {**place, "frames": [n, 1], "reduced": small.factor}
    made = packer.put(Piece("frames", small.data, _BYTES, position), priority)
    length, syntax = len(small.data), small.syntax
    return {
        "reduced": {"object": made.object, "offset": 0, "length": length, "syntax": syntax,
                    "factor": small.factor}
    }  # fmt: skip


def _frames(box: Box, study: str, series: dict[str, Any]) -> Iterator[SentFrame]:
    """Yield a series' frames in the order of its instances; one that has none is left out."""
    data, shown = StudyData(box, study), []
    for instance in series["instances"]:
        uid = instance[_SOP_INSTANCE]["Value"][0]
        try:
            frames = list(frames_of(data.load(uid)))
        except InputError:  # the manifest then does not name it: the count tells
            continue
        shown.append(instance)
        yield from frames
    series["instances"] = shown


def facts_pieces(box: Box, study: str, wanted: Mapping[str, Any], by: str) -> Iterator[Piece]:
    """Yield the ticked and the typed facts, one object for each category; each says its source."""
    for name in CATEGORIES:
        facts = _facts(box, study, name) if wanted.get(name) else []
        facts += entered_items(wanted.get("entered") or (), name, by)
        if facts:
            yield Piece("facts", to_bytes({"category": name, "items": facts}), _JSON, title=name)


def _papers(box: Box, found: Kept) -> Iterator[Piece]:
    for row in documents_of(box, found.consult, found.request["include"]["documents"]):
        yield document_piece(box, found.study, row)


def document_piece(box: Box, study: str, row: dict[str, Any]) -> Piece:
    """Return a scanned document as it is sent; its id tells two of the same title apart."""
    with box.blobs.open(row["blob"], box.vault.key(study)) as blob:
        data = blob.read()
    return Piece("document", data, row["content_type"], {}, f"{row['title']}\n{row['id']}")


def documents_of(box: Box, consult: str, ids: list[str]) -> list[dict[str, Any]]:
    """Return the rows of a consultation's documents that are named."""
    rows = box.database.query(
        "SELECT id, title, content_type, bytes, blob, created FROM consult_document"
        " WHERE consult = ? ORDER BY created, id",
        (consult,),
    )
    names = ("id", "title", "content_type", "bytes", "blob", "created")
    return [dict(zip(names, row, strict=True)) for row in rows if row[0] in ids]


def _facts(box: Box, study: str, category: str) -> list[dict[str, Any]]:
    subject = box.database.query("SELECT subject FROM study WHERE study = ?", (study,))[0][0]
    try:
        records = box.records_of(subject)
    except XinglinError:  # a subject without records of its own
        return []
    return [
        {"source": {"kind": "imported"}, **r.body}
        for r in records
        if r.kind == "clinical.imported" and r.body.get("category") == category
    ]


def _patient(box: Box, study: str) -> dict[str, str]:
    row = box.database.query(
        "SELECT patient_name, patient_id, sex, birth_date FROM study WHERE study = ?", (study,)
    )[0]
    name, *rest = (value or "" for value in row)
    return {
        "name": display_name(name),
        **dict(zip(("id", "sex", "birth_date"), rest, strict=True)),
    }


def study_line(box: Box, study: str, n: int) -> dict[str, Any]:
    """Return what the index says of a study: its ordinal, never its UID."""
    modality, day, description = box.database.query(
        "SELECT modality, study_date, description FROM study WHERE study = ?", (study,)
    )[0]
    return {
        "n": n, "modality": modality or "", "study_date": day or "",
        "description": description or "", "prior": n > 0,
    }  # fmt: skip
