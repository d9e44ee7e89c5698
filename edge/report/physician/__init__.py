"""The physician's report: coded content, words in both languages, prompts, documents. Pure."""
