"""Statistics per device and operator: each count is a list, rates, small numbers."""

from __future__ import annotations

import csv
import io
from urllib.parse import urlencode

import pytest
from scipy.stats import binomtest

from core.records.record import Draft
from edge.quality.statistics import COUNTED, GROUPS, csv_rows, line_json, lines_of, rate, total_of
from tests.api_site import ApiSite, chest

KEY = ("=Maker", "M1", "DR-2", "AE1")


def line(*values, by="device"):
    return lines_of(dict(values), by)


def test_a_rate_has_its_denominator_and_wilsons_interval():
    for part, whole in ((0, 7), (3, 30), (7, 7), (50, 1000)):
        made = rate(part, whole)
        truth = binomtest(part, whole).proportion_ci(0.95, "wilson")
        assert made["low"] == pytest.approx(truth.low, abs=1e-6)
        assert made["high"] == pytest.approx(truth.high, abs=1e-6)
        assert (made["part"], made["whole"]) == (part, whole)
    assert rate(0, 0) is None


def test_a_line_counts_verdicts_requests_and_reasons_per_study():
    (one,) = line(
        ((*KEY, "reject", "done", "DR_BLUR\\DR_NOISE"), 2),
        ((*KEY, "warn", "", "DR_NOISE"), 3),
        ((*KEY, "pass", "withdrawn", ""), 20),
        ((*KEY, "failed", "refused", "E3055"), 1),
        ((*KEY, "pending", "", ""), 4),
    )
    made = line_json(one)
    assert (made["studies"], made["judged"], made["reject"], made["failed"]) == (30, 25, 2, 1)
    assert (made["asked"], made["done"], made["refused"], made["withdrawn"]) == (23, 2, 1, 20)
    assert made["reject_rate"]["whole"] == 25
    assert made["asked_rate"]["whole"] == 30
    assert made["reasons"][0] == {"code": "DR_NOISE", "count": 5}
    assert made["small"] is False
    assert line_json(line(((*KEY, "pass", "", ""), 29))[0])["small"] is True
    assert total_of([one, one]).judged == 50


def test_names_that_look_alike_on_the_screen_are_one_device():
    told = line(
        (("A\u200b", "M", "", "X", "pass", "", ""), 1), (("A", "M", "", "X", "warn", "", ""), 1)
    )
    assert [one.studies for one in told] == [2]


def test_a_spreadsheet_takes_no_device_name_for_a_formula():
    _head, row = csv_rows(line(((*KEY, "pass", "", ""), 1)), "device")
    assert row[0] == "'=Maker"
    assert row[1] == "M1"


def test_every_counted_column_is_one_of_the_list():
    from edge.api.listing import CODED

    columns = {c for group in GROUPS.values() for c in group.values()} | set(COUNTED)
    assert columns <= set(CODED)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    site = ApiSite(tmp_path_factory.mktemp("counts") / "box", roles=("radiographer", "radiologist"))
    reason = {"severity": "warn", "message_zh": "", "message_en": "", "code": "DR_NOISE"}
    for n, (model, who, judged) in enumerate(
        [("M1", "LI^GONG=李^工", "warn"), ("M1", "LI^GONG=李^工", "pass"), ("", "", "reject")]
    ):
        about = {"ManufacturerModelName": model, "OperatorsName": who} if model else {}
        site.send(
            chest(study=f"1.7.{n}", patient=f"P{n}", Modality="DX", Manufacturer="Ours", **about)
        )
        ref = site.box.vault.study(f"1.7.{n}")
        qc = {"verdict": judged, "reasons": [] if judged == "pass" else [reason], "metrics": {}}
        body = {"sop_instance": f"1.7.{n}.1.1", "qc": qc}
        site.box.append([Draft("qc.assessed", body, subject=ref.subject, key=ref.study)])
    return site


def test_each_number_is_the_length_of_the_list_behind_it(site):
    client = site.client("radiographer")
    made = client.get("/api/quality", params={"modality": "DR", "from": "20261101"}).json()
    assert [row["studies"] for row in made["rows"]] == [2, 1]
    for row in made["rows"]:
        group = {name: value or "—" for name, value in row["group"].items()}
        for more in ({}, {"qc": "warn"}, {"qc": "reject"}, {"reason": "DR_NOISE"}):
            query = urlencode({**group, **more, "modality": "DR", "from": "20261101"})
            count = {"": row["studies"], "warn": row["warn"], "reject": row["reject"]}
            expected = count.get(more.get("qc", ""))
            if "reason" in more:
                expected = next(x["count"] for x in row["reasons"] if x["code"] == "DR_NOISE")
            assert client.get(f"/api/worklist?{query}").json()["total"] == expected, query
    assert client.get("/api/quality", params={"to": "20261101"}).json()["rows"] == []


def test_operators_are_shown_to_those_who_lead_people_only(site):
    for path in ("/api/quality?by=operator", "/api/quality/export?by=operator",
                 "/api/worklist?operator=x", "/api/worklist/facets?operator=x"):  # fmt: skip
        assert site.client("radiographer").get(path).json()["code"] == "E6004"
    made = site.client("radiologist").get("/api/quality?by=operator").json()
    assert [(row["group"]["operator"], row["studies"]) for row in made["rows"]] == [
        ("李工", 2),
        ("", 1),
    ]
    shown = site.client("radiologist").get("/api/worklist", params={"operator": "李工"}).json()
    assert shown["total"] == 2
    assert "李工" not in str(shown["rows"])


def test_the_export_holds_no_patient(site):
    answer = site.client("radiologist").get("/api/quality/export")
    assert answer.text.startswith("\ufeff")
    rows = list(csv.reader(io.StringIO(answer.text[1:])))
    assert rows[0][:4] == ["manufacturer", "model", "station", "ae"]
    assert len(rows) == 3
    assert not [word for word in ("张三", "P0", "1.7.0", "P1") if word in answer.text]
