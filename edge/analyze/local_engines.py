"""The methods of this machine, loaded when the first study needs them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from core.imaging.dr import LungFinder
    from core.imaging.dr_lungs_network import LungNetwork
    from core.imaging.geometry import SeriesGeometry
    from core.imaging.lesions import Judge
    from core.imaging.result import QcResult
    from core.imaging.study import Progress
    from core.imaging.study_result import CtOutcome, DrOutcome
    from core.imaging.volume import Radiograph, Volume
    from core.models.bundle import Bundle
    from core.models.engine import Engine

RADIOGRAPH_SLOT = "dr_tb"
LUNG_SLOT = "dr_lungs"
LESION_SLOT = "ct_lesions"


class Models(Protocol):
    """Which bundle fills a slot; asked study by study."""

    def chosen(self, slot: str) -> str:
        """Return the digest that somebody chose; "" for the one that comes with the product."""
        ...

    def bundle(self, slot: str, digest: str) -> Bundle:
        """Load it."""
        ...


class ShippedModels:
    """The bundles that come with the product, and no others."""

    def chosen(self, slot: str) -> str:  # noqa: ARG002 the port's argument
        """Return "": nobody chooses here."""
        return ""

    def bundle(self, slot: str, digest: str) -> Bundle:  # noqa: ARG002 the port's argument
        """Load the shipped bundle."""
        from core.models.bundle import load, shipped

        return load(shipped(slot))


class LocalEngines:
    """CT analysis in this process, its lesion candidates rated by a bundle; the radiograph bundle.

    Where there is no lesion bundle, or its network fails, the classical rules rate the candidates,
    and :meth:`method` says so. A bundle that somebody chose and that is lost is not replaced.

    Parameters
    ----------
    cache_dir : Path
        Where built engines may be kept.
    models : Models or None
        Which bundles serve; None for those that come with the product. A study is analysed by the
        bundle that is chosen when its analysis begins, and :meth:`method` then speaks of that one.
    changed : callable
        Told after another bundle or engine began to serve.
    operating_point : float or None
        The least probability at which a CT lesion is reported; None for the method's own.
    """

    def __init__(
        self,
        cache_dir: Path,
        models: Models | None = None,
        changed: Callable[[LocalEngines], object] = lambda _engines: None,
        operating_point: float | None = None,
    ) -> None:
        self._cache_dir = cache_dir
        self._operating_point = operating_point
        self._models = models or ShippedModels()
        self._changed = changed
        self._film: tuple[str, Bundle, Engine] | None = None
        self._lesions: tuple[str, Bundle, Engine] | None = None
        self._lungs: tuple[str, LungNetwork] | None = None
        self._fault = ""

    def ct(
        self, volume: Volume, geometry: SeriesGeometry, progress: Progress, *, override: bool
    ) -> CtOutcome:
        """Analyse a CT volume (`core.imaging.ct`)."""
        from core.imaging.ct import CtOptions, analyse_ct
        from core.models.errors import EngineClosed, EngineFailed, EngineOutputInvalid

        options = CtOptions(override=override, operating_point=self._operating_point)
        self._fault = ""
        judge = self._judge()
        try:
            return analyse_ct(volume, geometry, progress, replace(options, judge=judge))
        except (EngineClosed, EngineFailed, EngineOutputInvalid) as error:
            self._fault = f"E{error.code}"
        return analyse_ct(volume, geometry, progress, options)

    def radiograph(self, radiograph: Radiograph, *, override: bool) -> DrOutcome:
        """Analyse a radiograph (`core.imaging.dr`) with the bundle that is active now."""
        from core.imaging.dr import DrOptions, analyse_dr

        _, bundle, engine = self._active()
        options = DrOptions(override=override, lungs=self._lung_finder())
        return analyse_dr(radiograph, engine, bundle, options)

    def quality(self, radiograph: Radiograph) -> QcResult:
        """Judge a radiograph's quality, lung fields by the network; no analysis."""
        from core.imaging.dr_chest import fit_chest
        from core.imaging.dr_qc import assess_fitted, check_usable

        check_usable(radiograph)
        chest = fit_chest(radiograph.pixels)
        lungs = self._lung_finder()(radiograph.pixels, chest)
        return assess_fitted(radiograph, chest, lungs=lungs)

    def method(self, modality: str) -> dict[str, object]:
        """Return model, version, digest, the research-only mark and what ran it."""
        if modality == "CT":
            return self._ct_method()
        _, bundle, engine = self._film or self._active()
        stated = bundle.metadata
        return {
            "model": stated.name,
            "version": stated.version,
            "digest": bundle.digest,
            "research_only": stated.research_only,
            "engine": engine.name,
            "device": engine.device,
            "lung_fields": self._lung_method(),
        }

    def _lung_method(self) -> str:
        if self._lungs is None:
            return "template"
        stated = self._lungs[1].bundle.metadata
        return f"{stated.name} {stated.version}"

    def _ct_method(self) -> dict[str, object]:
        from core.imaging.lesions import REPORTED_PROBABILITY
        from core.imaging.lesions_score import CALIBRATION_SET, METHOD, METHOD_VERSION

        held = self._lesion_model()
        found: dict[str, object] = {
            "model": METHOD,
            "version": METHOD_VERSION,
            "research_only": True,
            "threshold": REPORTED_PROBABILITY,
            "calibration_set": CALIBRATION_SET,
        }
        if held is not None and not self._fault:
            _, bundle, engine = held
            stated = bundle.metadata
            found = {
                "model": stated.name,
                "version": stated.version,
                "digest": bundle.digest,
                "slot": LESION_SLOT,
                "research_only": stated.research_only,
                "engine": engine.name,
                "device": engine.device,
                "threshold": stated.threshold,
                "calibration_set": stated.calibration_set,
                "candidates": f"{METHOD} {METHOD_VERSION}",
            }
        elif self._fault:
            found["instead_of"] = f"{LESION_SLOT} ({self._fault})"
        chosen = self._operating_point
        found["operating_point"] = found["threshold"] if chosen is None else chosen
        return found

    def _judge(self) -> Judge | None:
        held = self._lesion_model()
        if held is None:
            return None
        from core.imaging.lesions_network import NetworkJudge

        return NetworkJudge(held[2], held[1])

    def _lesion_model(self) -> tuple[str, Bundle, Engine] | None:
        wanted = self._models.chosen(LESION_SLOT)
        if self._lesions is not None and self._lesions[0] == wanted:
            return self._lesions
        if not wanted and not _is_shipped(LESION_SLOT):
            return None
        from edge.infer.engines import choose_engine

        bundle = self._models.bundle(LESION_SLOT, wanted)
        engine = choose_engine(bundle, self._cache_dir)
        if self._lesions is not None:
            self._lesions[2].close()
        self._lesions = (wanted, bundle, engine)
        self._changed(self)
        return self._lesions

    def _lung_finder(self) -> LungFinder:
        """Return the lung network of the slot; the template where no bundle fills it."""
        from core.imaging.dr_lungs import lung_fields
        from core.imaging.dr_lungs_network import LungNetwork

        wanted = self._models.chosen(LUNG_SLOT)
        if not wanted and not _is_shipped(LUNG_SLOT):
            return lung_fields
        if self._lungs is None or self._lungs[0] != wanted:
            from edge.infer.engines import choose_engine

            bundle = self._models.bundle(LUNG_SLOT, wanted)
            engine = choose_engine(bundle, self._cache_dir)
            if self._lungs is not None:
                self._lungs[1].engine.close()
            self._lungs = (wanted, LungNetwork(engine, bundle))
        network = self._lungs[1]
        return lambda pixels, chest: lung_fields(pixels, chest, network)

    def _active(self) -> tuple[str, Bundle, Engine]:
        wanted = self._models.chosen(RADIOGRAPH_SLOT)
        if self._film is not None and self._film[0] == wanted:
            return self._film
        from edge.infer.engines import choose_engine

        bundle = self._models.bundle(RADIOGRAPH_SLOT, wanted)
        engine = choose_engine(bundle, self._cache_dir)
        if self._film is not None:
            self._film[2].close()
        self._film = (wanted, bundle, engine)
        self._changed(self)
        return self._film


def _is_shipped(slot: str) -> bool:
    from core.models.bundle import shipped

    return (shipped(slot) / "metadata.json").is_file()
