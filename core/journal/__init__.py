"""Append-only journals. Rules: seq grows by one per writer; link = SHA-256 over header and sealed
body, and the next header names it; a record is never changed. ``chain`` is pure, ``store`` is IO.
"""
