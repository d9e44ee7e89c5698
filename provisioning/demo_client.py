"""What the demo asks of the appliance's page and of the PACS, as their users would."""

from __future__ import annotations

import threading
import time
from typing import Any

import httpx

_ENDED = frozenset({"ok", "failed", "refused", "not_applicable"})
_SETTLED = frozenset({"confirmed", "unconfirmed", "refused"})


class NotUp(RuntimeError):
    """A server did not answer in time."""


def wait_for(client: httpx.Client, path: str, seconds: float, stop: threading.Event) -> None:
    """Wait until a server answers at all.

    Raises
    ------
    NotUp
    """
    ends = time.monotonic() + seconds
    while time.monotonic() < ends and not stop.is_set():
        try:
            client.get(path)
        except httpx.HTTPError:
            stop.wait(0.3)
        else:
            return
    raise NotUp(str(client.base_url))


class Pacs:
    """Orthanc through its own interface."""

    def __init__(self, port: int) -> None:
        self._client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30)

    def wait(self, seconds: float, stop: threading.Event) -> None:
        """Wait until it is up."""
        wait_for(self._client, "/system", seconds, stop)

    def objects(self, study_uid: str) -> list[dict[str, str]]:
        """Return SOP class and instance of everything the PACS lists for a study."""
        query = {
            "Level": "Instance", "Expand": True, "Query": {"StudyInstanceUID": study_uid},
            "RequestedTags": ["SOPClassUID"],
        }  # fmt: skip
        found = []
        for one in self._client.post("/tools/find", json=query).raise_for_status().json():
            kind = self._client.get(f"/instances/{one['ID']}/metadata/SopClassUid")
            found.append(
                {
                    "sop_class": kind.text.strip(),
                    "sop_instance": one["MainDicomTags"]["SOPInstanceUID"],
                }
            )
        return found


class Appliance:
    """The appliance through its page's interface, as one user."""

    def __init__(self, port: int, user: str, password: str) -> None:
        self._client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60)
        self._login = {"user": user, "password": password}
        self._in = False

    def wait(self, seconds: float, stop: threading.Event) -> None:
        """Wait until it is up."""
        wait_for(self._client, "/api/me", seconds, stop)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def get(self, path: str) -> Any:
        """Return a JSON answer; logs in first where needed."""
        if not self._in:
            self._client.post("/api/login", json=self._login).raise_for_status()
            self._in = True
        return self._client.get(path).raise_for_status().json()

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """Send JSON and return the answer."""
        csrf = self.get("/api/me")["csrf"]
        answer = self._client.post(path, json=body, headers={"X-CSRF-Token": csrf})
        return answer.raise_for_status().json()

    def worklist(self) -> list[dict[str, Any]]:
        """Return all rows, oldest first."""
        rows: list[dict[str, Any]] = []
        after = ""
        while True:
            page = self.get(f"/api/worklist?limit=200&after={after}")
            rows += page["rows"]
            after = page["next"]
            if not after:
                return rows[::-1]

    def quarantine(self) -> list[dict[str, Any]]:
        """Return what is held."""
        rows: list[dict[str, Any]] = self.get("/api/quarantine?state=held")["rows"]
        return rows

    def busy(self) -> set[str]:
        """Return the studies that have jobs waiting, running or to be tried again."""
        rows = self.get("/api/queue")["rows"]
        return {row["study"] for row in rows if row["state"] != "dead"}

    def ended(self, row: dict[str, Any]) -> bool:
        """Return whether the study is complete and its analysis has ended."""
        return row["completeness"] == "complete" and row["ai"] in _ENDED

    def settled(self, row: dict[str, Any]) -> bool:
        """Return whether nothing more is to be expected of a study."""
        if not self.ended(row):
            return False
        return row["ai"] == "not_applicable" or row["delivery"] in _SETTLED

    def outcome(self, row: dict[str, Any], pacs: Pacs) -> dict[str, Any]:
        """Return a study's entry of the demo's report."""
        detail = self.get(f"/api/studies/{row['study']}")
        analysis = detail["analysis"] or {}
        confirmed = {
            one["sop_instance"] for one in detail["deliveries"] if one["state"] == "confirmed"
        }
        labels = {one["sop_instance"]: one["label"] for one in detail["deliveries"]}
        objects = [
            {
                **one,
                "label": labels.get(one["sop_instance"], "image"),
                "confirmed": one["sop_instance"] in confirmed,
            }
            for one in pacs.objects(row["study_uid"])
        ]
        objects.sort(key=lambda one: (one["label"] == "image", one["sop_instance"]))
        entry = {
            "study": row["study_uid"],
            "modality": row["modality"],
            "status": analysis.get("status", row["ai"]),
            "reason": analysis.get("reason"),
            "qc": analysis.get("qc"),
            "objects": objects,
            "seconds": {**stages(detail["history"]), **analysis.get("seconds", {})},
        }
        if row["modality"] == "CT":
            entry["lesions"] = analysis.get("lesions")
        else:
            entry["tb"] = analysis.get("tb")
        return entry


def stages(history: list[dict[str, Any]]) -> dict[str, float]:
    """Return seconds from the last image to each step, by the times of the records."""
    from datetime import datetime

    at = {}
    start = None
    for entry in history:
        moment = datetime.fromisoformat(entry["at"])
        if entry["kind"] == "instances.received":
            start = moment
        elif start is not None:
            at[f"until {entry['kind']}"] = round((moment - start).total_seconds(), 3)
    return at
