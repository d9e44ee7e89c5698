"""Every table of the hub. Nothing here identifies a patient or can be read without a key.

Times are milliseconds since 1970 (UTC), ids opaque text. Statements are canonical JSON as signed by
whoever made them; sealed parts inside them are ciphertext to the hub. Migrations in
``hub/store/migrations`` bring a database to this shape; a test compares. Until the first release
is out, a change here is followed by ``python -m provisioning.freeze_tables``.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
_ID = String(80)
_HEX = String(64)

# -- registry ------------------------------------------------------------------------------------

HOSPITAL = Table(
    "hospital",
    METADATA,
    Column("id", _ID, primary_key=True),  # h_ + 16 hex
    Column("name", Text, nullable=False),
    Column("recovery_public", LargeBinary),  # X25519, raw; from the first box that joins
    Column("policy", Text, nullable=False, default="{}"),  # JSON: statistics fields it allows
    Column("created_at", BigInteger, nullable=False),
    Column("chain_seq", BigInteger, nullable=False, default=0),  # row-locked to append
)
INVITE = Table(
    "invite",
    METADATA,
    Column("id", _ID, primary_key=True),  # public part of the code
    Column("hospital", _ID, ForeignKey("hospital.id"), nullable=False),
    Column("secret", LargeBinary, nullable=False),  # wrapped by the hub's own key
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", _ID, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("used_at", BigInteger),
    Column("used_by", _ID),  # node id
    Column("failures", Integer, nullable=False, default=0),
    Column("revoked_at", BigInteger),
)
NODE = Table(
    "node",
    METADATA,
    Column("id", _HEX, primary_key=True),  # SHA-256 of sign_public
    Column("hospital", _ID, ForeignKey("hospital.id"), nullable=False),
    Column("name", Text, nullable=False, default=""),
    Column("sign_public", LargeBinary, nullable=False),
    Column("seal_public", LargeBinary, nullable=False),
    Column("software", Text, nullable=False, default=""),
    Column("joined_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger),
    Column("backlog", Text, nullable=False, default="{}"),  # JSON of the last heartbeat
    Column("clock_skew_ms", BigInteger),
    Column("revoked_at", BigInteger),
)
CERTIFICATE = Table(
    "certificate",
    METADATA,
    Column("serial", String(48), primary_key=True),  # hex
    Column("node", _HEX, ForeignKey("node.id"), nullable=False, index=True),
    Column("not_before", BigInteger, nullable=False),
    Column("not_after", BigInteger, nullable=False),
    Column("der", LargeBinary, nullable=False),
    Column("revoked_at", BigInteger),
)
RENEWAL = Table(  # late renewals that wait for a person
    "renewal",
    METADATA,
    Column("node", _HEX, ForeignKey("node.id"), primary_key=True),
    Column("csr", LargeBinary, nullable=False),
    Column("asked_at", BigInteger, nullable=False),
    Column("approved_at", BigInteger),
    Column("approved_by", _ID),
)
NONCE = Table(  # replay protection of renewals and joins
    "nonce",
    METADATA,
    Column("value", LargeBinary, primary_key=True),
    Column("at", BigInteger, nullable=False, index=True),
)
ATTEMPT = Table(  # refused codes, log-ins, renewals: rate limits and the record of them
    "attempt",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False),
    Column("what", String(24), nullable=False),
    Column("who", _ID, nullable=False),  # invite id, user, node
    Column("address", String(64), nullable=False),
    Column("code", Integer, nullable=False),
    Index("ix_attempt_what_who_at", "what", "who", "at"),
    Index("ix_attempt_what_address_at", "what", "address", "at"),
)

# -- people --------------------------------------------------------------------------------------

PERSON = Table(
    "person",
    METADATA,
    Column("id", _ID, primary_key=True),  # p_ + 16 hex
    Column("user", String(64), nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("hospital", _ID, ForeignKey("hospital.id")),
    Column("department", _ID),  # respiratory, pathology, imaging, thoracic_surgery …
    Column("title", Text, nullable=False, default=""),
    Column("role", String(24), nullable=False),
    Column("password", Text, nullable=False, default=""),  # Argon2
    Column("otp", LargeBinary),  # TOTP secret, wrapped by the hub's own key
    Column("otp_step", BigInteger),  # the half minute of the last code: each is taken once
    Column("oidc_subject", String(200), unique=True),
    Column("language", String(8), nullable=False, default="zh"),
    Column("must_change", Boolean, nullable=False, default=False),
    Column("active", Boolean, nullable=False, default=True),
    Column("failures", Integer, nullable=False, default=0),
    Column("locked_until", BigInteger, nullable=False, default=0),
    Column("created_at", BigInteger, nullable=False),
)
PERSON_KEY = Table(  # key pairs made in a browser; the private half wrapped there by a passphrase
    "person_key",
    METADATA,
    Column("id", _HEX, primary_key=True),  # fingerprint of both public keys
    Column("person", _ID, ForeignKey("person.id"), nullable=False, index=True),
    Column("agree_public", LargeBinary, nullable=False),  # P-256 uncompressed, 65 bytes
    Column("sign_public", LargeBinary, nullable=False),
    Column("wrapped", LargeBinary),  # passphrase-wrapped private halves, for a second computer
    Column("recovery", LargeBinary),  # the same sealed to the person's hospital's recovery key
    Column("created_at", BigInteger, nullable=False),
    Column("retired_at", BigInteger),
)
SESSION = Table(
    "session",
    METADATA,
    Column("token", _HEX, primary_key=True),  # SHA-256 of the cookie
    Column("person", _ID, ForeignKey("person.id"), nullable=False, index=True),
    Column("csrf", _HEX, nullable=False),
    Column("via", String(12), nullable=False, default="password"),  # password | oidc | provider
    Column("created_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
)
DUTY = Table(  # duty roster of a department: who gets what is sent to the department
    "duty",
    METADATA,
    Column("hospital", _ID, ForeignKey("hospital.id"), primary_key=True),
    Column("department", _ID, primary_key=True),
    Column("person", _ID, ForeignKey("person.id"), primary_key=True),
)
DIRECTORY = Table(  # append-only, hash-chained: core.seals.directory
    "directory",
    METADATA,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("entry", LargeBinary, nullable=False),
    Column("link", LargeBinary, nullable=False),
    Column("head", LargeBinary, nullable=False),  # signed head after this entry, canonical JSON
)
WITNESS = Table(  # what each box signed that it saw of the directory
    "witness",
    METADATA,
    Column("node", _HEX, ForeignKey("node.id"), primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("head", LargeBinary, nullable=False),
    Column("at", String(32), nullable=False),
    Column("signature", LargeBinary, nullable=False),
)

# -- objects -------------------------------------------------------------------------------------

OBJECT = Table(  # sealed objects; content-addressed, so one row whoever sends it
    "object",
    METADATA,
    Column("address", _HEX, primary_key=True),
    Column("hospital", _ID, index=True),  # who sent it first: counts against its quota
    Column("size", BigInteger, nullable=False),
    Column("committed_at", BigInteger),
    Column("created_at", BigInteger, nullable=False),
)
UPLOAD = Table(  # what is known of an object on its way in
    "upload",
    METADATA,
    Column("address", _HEX, primary_key=True),
    Column("node", _HEX, ForeignKey("node.id"), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("chunk", Integer, nullable=False),
    Column("held", LargeBinary, nullable=False),  # bitmap
    Column("touched_at", BigInteger, nullable=False),
)

# -- consultations -------------------------------------------------------------------------------

CONSULT = Table(  # routing facts only
    "consult",
    METADATA,
    Column("id", _ID, primary_key=True),  # c_ + 32 hex
    Column("kind", String(16), nullable=False),  # consultation | mdt | referral
    Column("hospital", _ID, ForeignKey("hospital.id"), nullable=False, index=True),
    Column("to_hospital", _ID),
    Column("to_department", _ID),
    Column("to_level", String(16)),  # wished level of the expert
    Column("urgency", String(12), nullable=False),  # emergency | urgent | routine
    Column("state", String(16), nullable=False, index=True),
    Column("business_state", String(24), nullable=False, default=""),
    Column("owner", _ID),  # who has accepted it
    Column("epoch", Integer, nullable=False, default=1),
    Column("deadline_at", BigInteger),
    Column("requested_at", BigInteger),
    Column("changed_at", BigInteger, nullable=False, index=True),
    Column("escalated", Integer, nullable=False, default=0),
    Column("bytes", BigInteger, nullable=False, default=0),
    Column("folded", Text, nullable=False),  # JSON state of core.consult.machine
    Column("events", Integer, nullable=False, default=0),
    Column("last_link", _HEX, nullable=False, default=""),
)
PARTY = Table(  # who takes part, in which part
    "party",
    METADATA,
    Column("consult", _ID, ForeignKey("consult.id"), primary_key=True),
    Column("person", _ID, primary_key=True),
    Column("part", String(16), nullable=False),  # requester | expert | chair | member
    Column("discipline", _ID, nullable=False, default=""),
    Column("invited_at", BigInteger, nullable=False),
    Column("removed_at", BigInteger),
    Index("ix_party_person", "person"),
)
EVENT = Table(
    "event",
    METADATA,
    Column("consult", _ID, ForeignKey("consult.id"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("id", _ID, nullable=False, unique=True),
    Column("kind", String(32), nullable=False),
    Column("actor", _ID, nullable=False),
    Column("at", BigInteger, nullable=False),  # the hub's clock
    Column("statement", LargeBinary, nullable=False),  # as signed by the actor
    Column("link", _HEX, nullable=False),
    Column("delivered_at", BigInteger, index=True),  # the box's acknowledgement of the chain row
)
ATTACHED = Table(  # which objects belong to a consultation: who may fetch them
    "attached",
    METADATA,
    Column("consult", _ID, ForeignKey("consult.id"), primary_key=True),
    Column("address", _HEX, primary_key=True),
    Column("event", _ID, nullable=False),
)
WRAP = Table(  # the consultation key, sealed to each recipient by the box
    "wrap",
    METADATA,
    Column("consult", _ID, ForeignKey("consult.id"), primary_key=True),
    Column("epoch", Integer, primary_key=True),
    Column("recipient", _ID, primary_key=True),  # person id, node id or "recovery"
    Column("statement", LargeBinary, nullable=False),  # the signed set it came in
    Column("sealed", LargeBinary, nullable=False),
    Column("revoked_at", BigInteger),
)
SEEN = Table(
    "seen",
    METADATA,
    Column("consult", _ID, ForeignKey("consult.id"), primary_key=True),
    Column("person", _ID, primary_key=True),
    Column("seq", Integer, nullable=False),
    Column("at", BigInteger, nullable=False, index=True),
)
PRESENCE = Table(  # who has a case open now; a row is good for half a minute
    "presence",
    METADATA,
    Column("consult", _ID, ForeignKey("consult.id"), primary_key=True),
    Column("person", _ID, primary_key=True),
    Column("at", BigInteger, nullable=False),
)

# -- chains --------------------------------------------------------------------------------------

CHAIN = Table(  # the hub's own journals: one clinical chain per hospital, one access chain
    "chain",
    METADATA,
    Column("position", BigInteger().with_variant(Integer, "sqlite"), primary_key=True,
           autoincrement=True),
    Column("journal", String(16), nullable=False),
    Column("writer", String(160), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("clock", String(64), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("subject", _ID, nullable=False),
    Column("key", _ID, nullable=False),
    Column("header", LargeBinary, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("link", LargeBinary, nullable=False),
    UniqueConstraint("journal", "writer", "seq"),
)  # fmt: skip
CHECKPOINT = Table(  # signed heads: the boxes' (we witness them) and our own
    "checkpoint",
    METADATA,
    Column("journal", String(16), primary_key=True),
    Column("writer", String(160), primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("link", _HEX, nullable=False),
    Column("at", String(40), nullable=False),
    Column("signature", Text, nullable=False),
)
BOX_ACCESS = Table(  # boxes' statements of who opened what of a consultation
    "box_access",
    METADATA,
    Column("id", _ID, primary_key=True),
    Column("node", _HEX, ForeignKey("node.id"), nullable=False),
    Column("consult", _ID, nullable=False, index=True),
    Column("statement", LargeBinary, nullable=False),
    Column("at", BigInteger, nullable=False),
)
STATISTIC = Table(  # de-identified structured results under a per-hospital pseudonym
    "statistic",
    METADATA,
    Column("hospital", _ID, ForeignKey("hospital.id"), primary_key=True),
    Column("id", _ID, primary_key=True),
    Column("body", Text, nullable=False),  # the signed statement
    Column("at", BigInteger, nullable=False),
    Column("study", String(32), nullable=False, default=""),  # pseudonym
    Column("newest", Boolean, nullable=False, default=True),  # of its study
    Column(
        "month", String(8), nullable=False, default=""
    ),  # what is counted by; "" where not let out
    Column("modality", String(8), nullable=False, default=""),
    Column("sex", String(8), nullable=False, default=""),
    Column("age_band", String(8), nullable=False, default=""),
    Column("status", String(16), nullable=False, default=""),
    Column("qc_verdict", String(8), nullable=False, default=""),
    Column("tb_positive", String(8), nullable=False, default=""),
    Column("review", String(12), nullable=False, default=""),
    Index("ix_statistic_hospital_study", "hospital", "study"),
    Index("ix_statistic_newest_month", "newest", "month"),
)
NOTICE = Table(  # to a person's page; delivered by server-sent events, kept until read
    "notice",
    METADATA,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True,
           autoincrement=True),
    Column("person", _ID, ForeignKey("person.id"), nullable=False, index=True),
    Column("consult", _ID, nullable=False, default=""),
    Column("kind", String(32), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("read_at", BigInteger),
)  # fmt: skip
