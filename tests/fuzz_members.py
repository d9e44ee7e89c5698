"""What the malformed set is put through, importable by the child process of the fuzz test."""

from pathlib import Path

from core.dicom.facts import HEAD_KEYWORDS, image_facts
from core.dicom.input_errors import InputError
from core.dicom.parse import parse_dicom
from core.dicom.pixels import stored_frames
from core.imaging.reading import read_radiograph
from core.imaging.series import choose_series
from core.imaging.summary import summarise


def examine(path):
    """Return "result" or the code of the refusal: pixels first, then the header's identity."""
    size = Path(path).stat().st_size
    code = None
    try:
        with Path(path).open("rb") as stream:
            whole = parse_dicom(stream, size)
        for _ in stored_frames(whole):
            pass
        read_radiograph(whole)
    except InputError as refusal:
        code = f"E{refusal.code}"
    try:
        with Path(path).open("rb") as stream:
            facts = image_facts(parse_dicom(stream, size, keywords=HEAD_KEYWORDS))
        choose_series(summarise([facts]))
    except InputError as refusal:
        return code if code == "E3002" else f"E{refusal.code}"
    return code or "result"
