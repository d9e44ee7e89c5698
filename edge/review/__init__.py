"""A physician's review of the AI's findings: drafts, measuring, submission, what follows."""
