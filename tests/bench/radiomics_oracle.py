"""What PyRadiomics says of some bodies: the oracle of tests/unit/imaging_ct/test_ct_oracles.py.

PyRadiomics needs NumPy 1, so it runs in an environment of its own:

    python -m venv ORACLE
    ORACLE/bin/pip install "setuptools<70" wheel versioneer cython "numpy<2"
    ORACLE/bin/pip install --no-build-isolation --no-deps pyradiomics==3.0.1
    ORACLE/bin/pip install SimpleITK PyWavelets pykwalify six
    ORACLE/bin/python tests/bench/radiomics_oracle.py > tests/golden/radiomics.json

The bodies are made here from a formula, without random numbers, so that both sides measure the same
voxels; nothing of this project is imported.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np

SPACINGS = ((1.0, 1.0, 1.0), (1.15, 0.74, 0.74), (5.0, 0.75, 0.75))
BODIES = ("ball", "ellipsoid", "lobed", "shell")
SHAPE = {
    "MeshVolume": "mesh_volume_mm3",
    "SurfaceArea": "surface_mm2",
    "Sphericity": "sphericity",
    "Maximum3DDiameter": "largest_diameter_mm",
}
FIRST_ORDER = {
    "Mean": "mean_hu",
    "Median": "hu_p50",
    "Minimum": "minimum_hu",
    "Maximum": "maximum_hu",
    "Variance": "variance_hu2",
    "InterquartileRange": "interquartile_range_hu",
    "10Percentile": "hu_p10",
    "90Percentile": "hu_p90",
}


def body(name: str, spacing_mm: tuple[float, float, float]) -> tuple[Any, Any]:
    """Return (mask, Hounsfield units) of one body, (slice, row, column)."""
    shape = [int(34 / mm) + 5 for mm in spacing_mm]
    axes = [(np.arange(n) - n / 2 + 0.3) * mm for n, mm in zip(shape, spacing_mm)]  # noqa: B905  runs on any Python
    z, y, x = axes[0][:, None, None], axes[1][None, :, None], axes[2][None, None, :]
    distance = np.sqrt(z**2 + y**2 + x**2)
    if name == "ball":
        mask = distance <= 9.3
    elif name == "ellipsoid":
        mask = (z / 8.0) ** 2 + (y / 13.0) ** 2 + ((x - 0.3 * y) / 7.0) ** 2 <= 1
    elif name == "lobed":
        angle = np.arctan2(y + 0 * x, x + 0 * y)
        mask = distance <= 9.0 + 2.5 * np.cos(3 * angle) * np.cos(z / 6.0)
    else:
        mask = (distance <= 12.0) & (distance > 6.0)
    wave = 40 + 35 * np.sin(0.9 * x) * np.cos(0.7 * y) + 12 * np.sin(1.3 * z + 0.2 * x)
    return np.asarray(mask), np.rint(wave + 0 * mask)


def main() -> int:
    """Print the oracle's values as JSON."""
    import SimpleITK as sitk  # noqa: N813  the name its own documentation uses
    from radiomics import (  # type: ignore[import-not-found]  # lives in its own environment
        __version__,
        firstorder,
        shape,
    )

    out: dict[str, Any] = {"pyradiomics": __version__, "bodies": []}
    for name in BODIES:
        for spacing in SPACINGS:
            mask, values = body(name, spacing)
            image, label = sitk.GetImageFromArray(values), sitk.GetImageFromArray(mask.astype("u1"))
            for one in (image, label):
                one.SetSpacing(spacing[::-1])
            found = shape.RadiomicsShape(image, label).execute()
            spread = firstorder.RadiomicsFirstOrder(image, label).execute()
            numbers = {ours: float(found[theirs]) for theirs, ours in SHAPE.items()}
            numbers |= {ours: float(spread[theirs]) for theirs, ours in FIRST_ORDER.items()}
            numbers["largest_in_plane_mm"] = float(found["Maximum2DDiameterSlice"])
            out["bodies"].append({"body": name, "spacing_mm": spacing, "numbers": numbers})
    json.dump(out, sys.stdout, indent=1)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
