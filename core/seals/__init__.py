"""Seals: what one party signs or encrypts and another opens, byte for byte alike in the browser.

Statements (signed canonical JSON), sealed objects (the chunked envelope bound to its context), the
consultation key wrapped with HPKE, the directory of public keys that boxes witness, and a person's
own keys. Pure: no IO; time, ids and randomness are arguments (HPKE's ephemeral key excepted, which
the library makes). The TypeScript twin is ``web/src/seals``; both pass ``tests/golden/seals``.
"""
