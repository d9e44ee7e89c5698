"""Text in a request's JSON: what UTF-8 cannot hold is refused at the door."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, StringConstraints


def _whole_characters(text: str) -> str:
    # JSON can spell half of a surrogate pair; no database and no hash takes it.
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("unpaired surrogate")
    return text


Text = Annotated[str, StringConstraints(max_length=4096), AfterValidator(_whole_characters)]
