"""The methods of this machine, loaded when the first study needs them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from core.imaging.geometry import SeriesGeometry
    from core.imaging.study import Progress
    from core.imaging.study_result import CtOutcome, DrOutcome
    from core.imaging.volume import Radiograph, Volume
    from core.models.bundle import Bundle
    from core.models.engine import Engine

RADIOGRAPH_SLOT = "dr_tb"


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
    """Classical CT analysis in this process; the radiograph bundle on the engine chosen for it.

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

    def ct(
        self, volume: Volume, geometry: SeriesGeometry, progress: Progress, *, override: bool
    ) -> CtOutcome:
        """Analyse a CT volume (`core.imaging.ct`)."""
        from core.imaging.ct import CtOptions, analyse_ct

        options = CtOptions(override=override, operating_point=self._operating_point)
        return analyse_ct(volume, geometry, progress, options)

    def radiograph(self, radiograph: Radiograph, *, override: bool) -> DrOutcome:
        """Analyse a radiograph (`core.imaging.dr`) with the bundle that is active now."""
        from core.imaging.dr import DrOptions, analyse_dr

        _, bundle, engine = self._active()
        return analyse_dr(radiograph, engine, bundle, DrOptions(override=override))

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
        }

    def _ct_method(self) -> dict[str, object]:
        from core.imaging.lesions import REPORTED_PROBABILITY
        from core.imaging.lesions_score import CALIBRATION_SET, METHOD, METHOD_VERSION

        chosen = self._operating_point
        return {
            "model": METHOD,
            "version": METHOD_VERSION,
            "research_only": True,
            "threshold": REPORTED_PROBABILITY,
            "operating_point": REPORTED_PROBABILITY if chosen is None else chosen,
            "calibration_set": CALIBRATION_SET,
        }

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
