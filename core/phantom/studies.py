"""Whole studies on disk: DICOM files and the truth beside them. The shell around the pure parts."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from core.phantom.ct import full_spec, make_ct, small_spec
from core.phantom.dicom import write_ct, write_dr, write_petct
from core.phantom.dr import DrFault, full_dr, make_dr, small_dr
from core.phantom.errors import OutputFolderNotEmpty
from core.phantom.identity import StudyIdentity, study_identity
from core.phantom.patients import Case
from core.phantom.petct import full_petct, make_petct, small_petct

StudyKind = Literal["ct", "dr", "petct"]
Size = Literal["small", "full"]
_CASES: tuple[Case, ...] = ("showcase", "tb", "normal", "nodules")


@dataclass(frozen=True, slots=True)
class Order:
    """One study to be made.

    Attributes
    ----------
    kind : {"ct", "dr", "petct"}
    seed : int
    case : {"normal", "tb", "nodules", "showcase"}
    size : {"small", "full"}
    at : datetime
        Study date and time.
    fault : str
        DR only.
    character_set : str
        ``ISO_IR 192`` or ``GB18030``.
    """

    kind: StudyKind
    seed: int
    case: Case
    size: Size
    at: datetime
    fault: DrFault = "none"
    character_set: str = "ISO_IR 192"

    @property
    def folder_name(self) -> str:
        """Name of the study's folder: no patient's name or number in it."""
        fault = "" if self.fault == "none" else f"-{self.fault}"
        return f"{self.kind}-{self.seed:06d}-{self.case}{fault}"


def orders(
    kinds: tuple[StudyKind, ...], seed: int, patients: int, size: Size, at: datetime
) -> list[Order]:
    """Return one order per patient and kind; cases take turns, a radiograph is never a showcase."""
    result = []
    for number in range(patients):
        for kind in kinds:
            turn = _CASES[number % len(_CASES)]
            case: Case = "tb" if kind != "ct" and turn == "showcase" else turn
            when = at + timedelta(minutes=11 * number)
            result.append(Order(kind, seed + number, case, size, when))
    return result


def make_study(order: Order, folder: Path) -> tuple[list[Path], dict[str, Any]]:
    """Make a study, write its files and ``truth.json`` under ``folder / order.folder_name``.

    Returns
    -------
    paths : list of Path
        DICOM files.
    truth : dict
        What was written to ``truth.json``.

    Raises
    ------
    OutputFolderNotEmpty
        The study is there already.
    PhantomSpecInvalid, LesionDoesNotFit, TextNotEncodable
    """
    target = folder / order.folder_name
    if target.exists():
        raise OutputFolderNotEmpty(name=order.folder_name)
    makers: dict[StudyKind, Callable[[Order, Path], tuple[list[Path], dict[str, Any]]]] = {
        "ct": _make_ct,
        "dr": _make_dr,
        "petct": _make_petct,
    }
    paths, truth = makers[order.kind](order, target)
    (target / "truth.json").write_text(
        json.dumps(truth, ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
    )
    return paths, truth


def _head(order: Order, study: StudyIdentity, modality: str) -> dict[str, Any]:
    return {
        "study": study.study_uid,
        "modality": modality,
        "kind": order.kind,
        "seed": order.seed,
        "case": order.case,
        "phantom": True,
    }


def _make_ct(order: Order, target: Path) -> tuple[list[Path], dict[str, Any]]:
    spec = (small_spec if order.size == "small" else full_spec)(order.seed, order.case)
    phantom = make_ct(spec)
    study = study_identity(order.seed, "CT", order.at, order.character_set)
    paths = write_ct(phantom, study, target)
    lesions = [lesion.as_json() for lesion in phantom.truth.lesions]
    return paths, _head(order, study, "CT") | {"lesions": lesions, "noise_hu": spec.noise_hu}


def _make_dr(order: Order, target: Path) -> tuple[list[Path], dict[str, Any]]:
    spec = (small_dr if order.size == "small" else full_dr)(order.seed, order.case, order.fault)
    phantom = make_dr(spec)
    study = study_identity(order.seed, "DX", order.at, order.character_set)
    paths = write_dr(phantom, study, target)
    truth = phantom.truth
    return paths, _head(order, study, "DX") | {
        "lesions": [lesion.as_json() for lesion in truth.lesions],
        "boxes_px": truth.boxes_px(),
        "lung_field_share": round(float(truth.lung_field.mean()), 4),
        "exposure_index": round(truth.exposure_index, 1),
        "target_exposure_index": truth.target_exposure_index,
        "deviation_index": round(truth.deviation_index, 2),
        "fault": truth.fault,
    }


def _make_petct(order: Order, target: Path) -> tuple[list[Path], dict[str, Any]]:
    spec = (small_petct if order.size == "small" else full_petct)(order.seed, order.case)
    phantom = make_petct(replace(spec, seed=order.seed, case=order.case))
    study = study_identity(order.seed, "PETCT", order.at, order.character_set)
    paths = write_petct(phantom, study, target)
    return paths, _head(order, study, "PT") | {
        "lesions": [lesion.as_json() for lesion in phantom.ct.truth.lesions],
        "uptakes": [uptake.as_json() for uptake in phantom.uptakes],
        "bq_per_suv": round(spec.bq_per_suv, 4),
    }
