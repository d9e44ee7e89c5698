"""A person's own keys and mouse: kept under a version, for that person only, of bounded size."""

from __future__ import annotations

import pytest

from tests.api_site import ApiSite

MOUSE = {"left": "scroll", "middle": "pan", "right": "window", "wheel": "zoom"}
UNCHANGED = {"left": "window", "middle": "pan", "right": "zoom", "wheel": "scroll"}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    return ApiSite(tmp_path_factory.mktemp("habits") / "box")


def save(site, role, body):
    return site.client(role).put("/api/me/habits", json=body)


def test_nothing_changed_is_version_0(site):
    answer = site.client("surgeon").get("/api/me/habits").json()
    assert answer == {"version": 0, "keys": {}, "mouse": UNCHANGED}


def test_kept_for_its_person_and_no_other(site):
    keys = {"view.tool.length": ["m"], "view.reset": []}
    saved = save(site, "physician", {"version": 0, "keys": keys, "mouse": MOUSE})
    assert saved.json() == {"version": 1, "keys": keys, "mouse": MOUSE}
    assert site.client("physician").get("/api/me/habits").json() == saved.json()
    assert site.client("radiologist").get("/api/me/habits").json()["version"] == 0


def test_an_older_version_changes_nothing(site):
    first = save(site, "auditor", {"version": 0, "keys": {"help": ["F1"]}})
    late = save(site, "auditor", {"version": 0, "keys": {}})
    assert (late.status_code, late.json()["code"]) == (409, "E6018")
    assert site.client("auditor").get("/api/me/habits").json() == first.json()


@pytest.mark.parametrize(
    "wrong",
    [
        {"keys": {"view.reset": ["a"] * 5}},
        {"keys": {"view.reset": ["x" * 21]}},
        {"keys": {"view.reset": ["\u4e00"]}},
        {"keys": {"../etc": ["a"]}},
        {"keys": {"a" * 61: []}},
        {"keys": {"a." + chr(65 + n // 26) + chr(65 + n % 26): [] for n in range(201)}},
        {"keys": {}, "mouse": {"left": "length"}},
        {"keys": {}, "mouse": {"wheel": "pan"}},
        {"keys": {}, "more": 1},
        {},
    ],
)  # fmt: skip
def test_what_is_no_map_is_refused(site, wrong):
    assert save(site, "data_officer", {"version": 0} | wrong).status_code == 422
