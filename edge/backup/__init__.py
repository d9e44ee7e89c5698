"""Backup and restore: records, blobs, settings and keys of one appliance, to a folder or S3.

Everything but the ciphertext of blobs is sealed to a recovery key that exists only on paper; a
signed manifest names every object. See ``run`` (back up), ``check`` (verify), ``restore``.
"""
