"""Views: everything a person sees is a fold over the journal that can be thrown away and rebuilt.

A view is a pure function from the records of one group (a study, a subject, a quarantined object),
sorted by clock, writer and seq, to table rows. ``store`` applies them through sqlite-utils; the hot
ones in the append's own transaction.
"""
