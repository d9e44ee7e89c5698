"""What is committed under protos/gen is what the .proto files say."""

from pathlib import Path

from protos.generate import HERE, generate


def test_generated_modules_are_up_to_date(tmp_path: Path):
    fresh = generate(tmp_path)
    assert fresh
    for path in fresh:
        assert (HERE / "gen" / path.name).read_bytes() == path.read_bytes(), path.name
    kept = {path.name for path in (HERE / "gen").glob("*_pb2*")}
    assert kept == {path.name for path in fresh}
