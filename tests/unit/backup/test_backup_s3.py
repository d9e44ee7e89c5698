"""The same backup on an S3-like store, over HTTP: paging, deletion, uploads in parts."""

from __future__ import annotations

import pytest

from edge.backup.check import verify_target
from edge.backup.errors import ObjectMissing, TargetUnusable
from edge.backup.restore import Source, restore
from edge.backup.run import back_up
from edge.backup.target import open_target
from edge.store.box import open_box
from edge.store.erase import erase_subject
from tests.backup_cases import SECRET, give_a_past, new_box, outside, receive, same_views
from tests.s3_fake import s3_server


@pytest.fixture
def bucket(monkeypatch):
    with s3_server() as (address, objects):
        for name, value in {
            "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": "cn",
            "AWS_ENDPOINT_URL": address, "AWS_ALLOW_HTTP": "true",
        }.items():  # fmt: skip
            monkeypatch.setenv(name, value)
        yield objects


def test_backup_and_restore_through_a_bucket(bucket, tmp_path):
    target = open_target("s3://bucket/hospital/1")
    box = new_box(tmp_path / "box")
    give_a_past(box)
    assert back_up(box, target).blobs == 6
    assert all(name.startswith("hospital/1/") for name in bucket)
    assert verify_target(target, "", SECRET).faults == []
    erase_subject(box, box.vault.study("1.2.3.1").subject, "court")
    receive(box, 4, 1, "P4")
    report = back_up(box, target)
    assert (report.blobs, report.pruned) == (1, 4)
    assert len([name for name in bucket if "/keys/" in name]) == 1
    restore(Source(target, SECRET), tmp_path / "new", outside())
    assert same_views(box, open_box(tmp_path / "new", outside()))


def test_what_is_not_there(bucket):
    target = open_target("s3://bucket/x")
    with pytest.raises(ObjectMissing):
        target.get("nothing")
    target.delete(["nothing"])
    with pytest.raises(TargetUnusable):
        open_target("nonsense://bucket")


def test_a_big_blob_goes_in_parts(bucket, tmp_path):
    big = bytes(range(256)) * 50_000
    (tmp_path / "big").write_bytes(big)
    target = open_target("s3://bucket")
    target.put("node/blobs/big", tmp_path / "big")
    assert bucket == {"node/blobs/big": big}
    assert b"".join(target.stream("node/blobs/big")) == big
    assert list(target.listing("node/blobs/")) == [("node/blobs/big", len(big))]
