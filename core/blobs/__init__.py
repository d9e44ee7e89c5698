"""Big things: sealed in chunks (``envelope``, pure), named by the hash of their ciphertext, kept as
files (``disk``).
"""
