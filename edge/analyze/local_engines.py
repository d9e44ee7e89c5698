"""The methods of this machine, loaded when the first study needs them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from core.imaging.geometry import SeriesGeometry
    from core.imaging.study import Progress
    from core.imaging.study_result import CtOutcome, DrOutcome
    from core.imaging.volume import Radiograph, Volume

RADIOGRAPH_BUNDLE = "dr_tb"


class LocalEngines:
    """Classical CT analysis in this process; the radiograph bundle on the engine chosen for it.

    Parameters
    ----------
    cache_dir : Path
        Where built engines may be kept.
    """

    def __init__(self, cache_dir: Path) -> None:
        self._cache_dir = cache_dir
        self._film: Any = None

    def ct(
        self, volume: Volume, geometry: SeriesGeometry, progress: Progress, *, override: bool
    ) -> CtOutcome:
        """Analyse a CT volume (`core.imaging.ct`)."""
        from core.imaging.ct import CtOptions, analyse_ct

        return analyse_ct(volume, geometry, progress, CtOptions(override=override))

    def radiograph(self, radiograph: Radiograph, *, override: bool) -> DrOutcome:
        """Analyse a radiograph (`core.imaging.dr`) with the shipped bundle."""
        from core.imaging.dr import DrOptions, analyse_dr

        bundle, engine = self._loaded()
        return analyse_dr(radiograph, engine, bundle, DrOptions(override=override))

    def method(self, modality: str) -> dict[str, object]:
        """Return model, version, the research-only mark and what ran it."""
        if modality == "CT":
            from core.imaging.lesions_score import METHOD, METHOD_VERSION

            return {"model": METHOD, "version": METHOD_VERSION, "research_only": True}
        bundle, engine = self._loaded()
        stated = bundle.metadata
        return {
            "model": stated.name,
            "version": stated.version,
            "research_only": stated.research_only,
            "engine": engine.name,
            "device": engine.device,
        }

    def _loaded(self) -> Any:
        if self._film is None:
            from core.models.bundle import load, shipped
            from edge.infer.engines import choose_engine

            bundle = load(shipped(RADIOGRAPH_BUNDLE))
            self._film = (bundle, choose_engine(bundle, self._cache_dir))
        return self._film
