"""Keys, outside the journal and its backups: per patient, per study, the box's own; wrap, destroy.

Destroying a patient's key is erasure: every record and blob sealed under it stays as noise.
"""
