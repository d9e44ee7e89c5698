"""The physician's report on a box: drafts, versions, signatures, documents, phrases, cards."""
