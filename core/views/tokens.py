"""Search tokens of a study: what a prefix search on the list can find it by. Pure."""

from __future__ import annotations

from core.dicom.names import name_keys


def tokens_of(name: str, patient_id: str, accession: str) -> tuple[list[str], str]:
    """Return (sorted unique lower-case tokens, sort key) whatever the tokens are of."""
    kinds, sort = tokens_by_kind(name, patient_id, accession)
    return sorted({token for _, token in kinds}), sort


def tokens_by_kind(name: str, patient_id: str, accession: str) -> tuple[list[tuple[str, str]], str]:
    """Return (sorted unique (kind, lower-case token), sort key); kinds: name, id, accession.

    A token is found by any prefix of it: the name in Han from each character on, full pinyin from
    each syllable on, initials, Latin words, the patient id and the accession number. Prefixes on
    an index answer in under a millisecond among 100 000 studies where a substring scan does not.
    """
    keys = name_keys(name)
    syllables = [s for s in keys.sort.split(" ") if s and s.isascii()]
    tokens = {keys.han[n:] for n in range(len(keys.han))}
    tokens |= {"".join(syllables[n:]) for n in range(len(syllables))}
    tokens |= {keys.pinyin, keys.initials, keys.latin}
    found = {("name", token) for token in tokens}
    found |= {("id", patient_id.strip().casefold()), ("accession", accession.strip().casefold())}
    return sorted(one for one in found if one[1]), keys.sort
