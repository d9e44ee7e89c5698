"""Our measures against other people's: the IBSI digital phantom and PyRadiomics."""

import json
from pathlib import Path

import numpy as np
import pytest

from core.imaging.measure import density_statistics, recist_axes
from core.imaging.measure_surface import largest_diameter_mm, mesh_of
from tests.bench.radiomics_oracle import body

GOLDEN = Path(__file__).parents[2] / "golden" / "imaging" / "radiomics.json"
ORACLE = json.loads(GOLDEN.read_text())

# IBSI reference manual (arXiv:1612.07003), chapter "Reference data sets": 5 x 4 x 4 voxels of 2 mm,
# 0 stands for a voxel that is not in the region.
PHANTOM = np.array(
    [
        [[1, 4, 4, 1, 1], [1, 4, 6, 1, 1], [4, 1, 6, 4, 1], [4, 4, 6, 4, 1]],
        [[1, 4, 4, 1, 1], [1, 1, 6, 1, 1], [0, 1, 3, 1, 1], [4, 4, 6, 1, 1]],
        [[1, 4, 4, 0, 0], [1, 1, 1, 1, 1], [1, 1, 0, 1, 1], [1, 1, 6, 1, 1]],
        [[1, 4, 4, 0, 0], [1, 1, 1, 1, 1], [1, 1, 1, 1, 1], [1, 1, 6, 1, 1]],
    ]
)
SPACING = (2.0, 2.0, 2.0)


@pytest.mark.parametrize(
    ("name", "reference", "tolerance"),
    [
        ("volume_mm3", 556, 4),  # RNU0
        ("surface_mm2", 388, 3),  # C0JK
        ("sphericity", 0.843, 0.005),  # QCFX
        ("largest_diameter_mm", 13.1, 0.1),  # L0JK
    ],
)
def test_ibsi_phantom_morphology(name, reference, tolerance):
    mesh = mesh_of(PHANTOM > 0, SPACING)
    found = {
        "volume_mm3": mesh.volume_mm3,
        "surface_mm2": mesh.area_mm2,
        "sphericity": mesh.sphericity,
        "largest_diameter_mm": largest_diameter_mm(mesh),
    }
    assert found[name] == pytest.approx(reference, abs=tolerance)


def test_ibsi_phantom_intensity():
    values = PHANTOM[PHANTOM > 0]
    assert len(values) * 8 == 592  # YEKZ, volume by counting
    assert values.mean() == pytest.approx(2.15, abs=0.005)  # Q4LE
    found = density_statistics(values)
    assert found["hu_sd"] ** 2 == pytest.approx(3.05, abs=0.005)  # ECT3
    assert found["hu_p50"] == 1  # Y12H
    assert found["hu_p75"] - found["hu_p25"] == 3  # SALO


@pytest.mark.parametrize("one", ORACLE["bodies"], ids=lambda x: f"{x['body']}-{x['spacing_mm'][0]}")
def test_pyradiomics(one):
    spacing = tuple(one["spacing_mm"])
    mask, values = body(one["body"], spacing)
    mesh = mesh_of(mask, spacing)
    inside = values[mask]
    spread = density_statistics(inside)
    found = {
        "mesh_volume_mm3": mesh.volume_mm3,
        "surface_mm2": mesh.area_mm2,
        "sphericity": mesh.sphericity,
        "largest_diameter_mm": largest_diameter_mm(mesh),
        "mean_hu": inside.mean(),
        "hu_p50": spread["hu_p50"],
        "variance_hu2": spread["hu_sd"] ** 2,
        "interquartile_range_hu": spread["hu_p75"] - spread["hu_p25"],
    }
    for name, value in found.items():
        assert value == pytest.approx(one["numbers"][name], rel=1e-3, abs=1e-9), name


@pytest.mark.parametrize("one", ORACLE["bodies"], ids=lambda x: f"{x['body']}-{x['spacing_mm'][0]}")
def test_the_long_axis_is_pyradiomics_in_plane_diameter(one):
    spacing = tuple(one["spacing_mm"])
    mask, _ = body(one["body"], spacing)
    axes = recist_axes(mask, spacing)
    assert axes.long_mm == pytest.approx(one["numbers"]["largest_in_plane_mm"], rel=1e-3)
