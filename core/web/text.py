"""Text in a request's JSON: what UTF-8 cannot hold is refused at the door."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, StringConstraints


def _whole_characters(text: str) -> str:
    # JSON can spell half of a surrogate pair, and NUL; not every database and hash takes them.
    if any("\ud800" <= character <= "\udfff" or character == "\0" for character in text):
        raise ValueError("unpaired surrogate or NUL")
    return text


Text = Annotated[str, StringConstraints(max_length=4096), AfterValidator(_whole_characters)]
