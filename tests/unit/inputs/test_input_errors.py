"""The refusals of this slice: numbered once, in range, the same facts in both languages."""

import string

import pytest

from core.dicom import input_errors as dicom_errors
from core.errors import XinglinError
from core.imaging import input_errors as imaging_errors

ALL = sorted(
    {
        kind
        for module in (dicom_errors, imaging_errors)
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, XinglinError) and kind is not XinglinError
    },
    key=lambda kind: kind.code,
)


def fields(template):
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


@pytest.mark.parametrize("kind", ALL)
def test_both_sentences_name_the_same_facts(kind):
    assert fields(kind.zh) == fields(kind.en)
    refusal = kind(**dict.fromkeys(fields(kind.zh), 1))
    assert refusal.sentence("zh") != refusal.sentence("en")
    assert 2950 <= kind.code <= 3199


def test_codes_are_unique():
    assert len({kind.code for kind in ALL}) == len(ALL) > 35
