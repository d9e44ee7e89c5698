"""The tables of the first release."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create every table."""
    op.create_table(
        "attempt",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("what", sa.String(length=24), nullable=False),
        sa.Column("who", sa.String(length=80), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("code", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempt")),
    )
    op.create_index(
        "ix_attempt_what_address_at", "attempt", ["what", "address", "at"], unique=False
    )
    op.create_index("ix_attempt_what_who_at", "attempt", ["what", "who", "at"], unique=False)
    op.create_table(
        "chain",
        sa.Column(
            "position",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("journal", sa.String(length=16), nullable=False),
        sa.Column("writer", sa.String(length=160), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("clock", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("subject", sa.String(length=80), nullable=False),
        sa.Column("key", sa.String(length=80), nullable=False),
        sa.Column("header", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("link", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_chain")),
        sa.UniqueConstraint("journal", "writer", "seq", name=op.f("uq_chain_journal_writer_seq")),
    )
    op.create_table(
        "checkpoint",
        sa.Column("journal", sa.String(length=16), nullable=False),
        sa.Column("writer", sa.String(length=160), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("link", sa.String(length=64), nullable=False),
        sa.Column("at", sa.String(length=40), nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("journal", "writer", name=op.f("pk_checkpoint")),
    )
    op.create_table(
        "directory",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("entry", sa.LargeBinary(), nullable=False),
        sa.Column("link", sa.LargeBinary(), nullable=False),
        sa.Column("head", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_directory")),
    )
    op.create_table(
        "hospital",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("recovery_public", sa.LargeBinary(), nullable=True),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("chain_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hospital")),
    )
    op.create_table(
        "nonce",
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("value", name=op.f("pk_nonce")),
    )
    op.create_index(op.f("ix_nonce_at"), "nonce", ["at"], unique=False)
    op.create_table(
        "object",
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("hospital", sa.String(length=80), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("committed_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("address", name=op.f("pk_object")),
    )
    op.create_index(op.f("ix_object_hospital"), "object", ["hospital"], unique=False)
    op.create_table(
        "consult",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("hospital", sa.String(length=80), nullable=False),
        sa.Column("to_hospital", sa.String(length=80), nullable=True),
        sa.Column("to_department", sa.String(length=80), nullable=True),
        sa.Column("to_level", sa.String(length=16), nullable=True),
        sa.Column("urgency", sa.String(length=12), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("business_state", sa.String(length=24), nullable=False),
        sa.Column("owner", sa.String(length=80), nullable=True),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("deadline_at", sa.BigInteger(), nullable=True),
        sa.Column("requested_at", sa.BigInteger(), nullable=True),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("escalated", sa.Integer(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("folded", sa.Text(), nullable=False),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.Column("last_link", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["hospital"], ["hospital.id"], name=op.f("fk_consult_hospital")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consult")),
    )
    op.create_index(op.f("ix_consult_changed_at"), "consult", ["changed_at"], unique=False)
    op.create_index(op.f("ix_consult_hospital"), "consult", ["hospital"], unique=False)
    op.create_index(op.f("ix_consult_state"), "consult", ["state"], unique=False)
    op.create_table(
        "invite",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("hospital", sa.String(length=80), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.String(length=80), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.Column("used_by", sa.String(length=80), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["hospital"], ["hospital.id"], name=op.f("fk_invite_hospital")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invite")),
    )
    op.create_table(
        "node",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("hospital", sa.String(length=80), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sign_public", sa.LargeBinary(), nullable=False),
        sa.Column("seal_public", sa.LargeBinary(), nullable=False),
        sa.Column("software", sa.Text(), nullable=False),
        sa.Column("joined_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=True),
        sa.Column("backlog", sa.Text(), nullable=False),
        sa.Column("clock_skew_ms", sa.BigInteger(), nullable=True),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["hospital"], ["hospital.id"], name=op.f("fk_node_hospital")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_node")),
    )
    op.create_table(
        "person",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("user", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("hospital", sa.String(length=80), nullable=True),
        sa.Column("department", sa.String(length=80), nullable=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("role", sa.String(length=24), nullable=False),
        sa.Column("password", sa.Text(), nullable=False),
        sa.Column("otp", sa.LargeBinary(), nullable=True),
        sa.Column("otp_step", sa.BigInteger(), nullable=True),
        sa.Column("oidc_subject", sa.String(length=200), nullable=True),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("must_change", sa.Boolean(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("locked_until", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["hospital"], ["hospital.id"], name=op.f("fk_person_hospital")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person")),
        sa.UniqueConstraint("oidc_subject", name=op.f("uq_person_oidc_subject")),
        sa.UniqueConstraint("user", name=op.f("uq_person_user")),
    )
    op.create_table(
        "statistic",
        sa.Column("hospital", sa.String(length=80), nullable=False),
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("study", sa.String(length=32), nullable=False),
        sa.Column("newest", sa.Boolean(), nullable=False),
        sa.Column("month", sa.String(length=8), nullable=False),
        sa.Column("modality", sa.String(length=8), nullable=False),
        sa.Column("sex", sa.String(length=8), nullable=False),
        sa.Column("age_band", sa.String(length=8), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("qc_verdict", sa.String(length=8), nullable=False),
        sa.Column("tb_positive", sa.String(length=8), nullable=False),
        sa.Column("review", sa.String(length=12), nullable=False),
        sa.ForeignKeyConstraint(["hospital"], ["hospital.id"], name=op.f("fk_statistic_hospital")),
        sa.PrimaryKeyConstraint("hospital", "id", name=op.f("pk_statistic")),
    )
    op.create_index("ix_statistic_hospital_study", "statistic", ["hospital", "study"], unique=False)
    op.create_index("ix_statistic_newest_month", "statistic", ["newest", "month"], unique=False)
    op.create_table(
        "attached",
        sa.Column("consult", sa.String(length=80), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("event", sa.String(length=80), nullable=False),
        sa.ForeignKeyConstraint(["consult"], ["consult.id"], name=op.f("fk_attached_consult")),
        sa.PrimaryKeyConstraint("consult", "address", name=op.f("pk_attached")),
    )
    op.create_table(
        "box_access",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("node", sa.String(length=64), nullable=False),
        sa.Column("consult", sa.String(length=80), nullable=False),
        sa.Column("statement", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["node"], ["node.id"], name=op.f("fk_box_access_node")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_box_access")),
    )
    op.create_index(op.f("ix_box_access_consult"), "box_access", ["consult"], unique=False)
    op.create_table(
        "certificate",
        sa.Column("serial", sa.String(length=48), nullable=False),
        sa.Column("node", sa.String(length=64), nullable=False),
        sa.Column("not_before", sa.BigInteger(), nullable=False),
        sa.Column("not_after", sa.BigInteger(), nullable=False),
        sa.Column("der", sa.LargeBinary(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["node"], ["node.id"], name=op.f("fk_certificate_node")),
        sa.PrimaryKeyConstraint("serial", name=op.f("pk_certificate")),
    )
    op.create_index(op.f("ix_certificate_node"), "certificate", ["node"], unique=False)
    op.create_table(
        "duty",
        sa.Column("hospital", sa.String(length=80), nullable=False),
        sa.Column("department", sa.String(length=80), nullable=False),
        sa.Column("person", sa.String(length=80), nullable=False),
        sa.ForeignKeyConstraint(["hospital"], ["hospital.id"], name=op.f("fk_duty_hospital")),
        sa.ForeignKeyConstraint(["person"], ["person.id"], name=op.f("fk_duty_person")),
        sa.PrimaryKeyConstraint("hospital", "department", "person", name=op.f("pk_duty")),
    )
    op.create_table(
        "event",
        sa.Column("consult", sa.String(length=80), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("actor", sa.String(length=80), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("statement", sa.LargeBinary(), nullable=False),
        sa.Column("link", sa.String(length=64), nullable=False),
        sa.Column("delivered_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["consult"], ["consult.id"], name=op.f("fk_event_consult")),
        sa.PrimaryKeyConstraint("consult", "seq", name=op.f("pk_event")),
        sa.UniqueConstraint("id", name=op.f("uq_event_id")),
    )
    op.create_index(op.f("ix_event_delivered_at"), "event", ["delivered_at"], unique=False)
    op.create_table(
        "notice",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("person", sa.String(length=80), nullable=False),
        sa.Column("consult", sa.String(length=80), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("read_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["person"], ["person.id"], name=op.f("fk_notice_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice")),
    )
    op.create_index(op.f("ix_notice_person"), "notice", ["person"], unique=False)
    op.create_table(
        "party",
        sa.Column("consult", sa.String(length=80), nullable=False),
        sa.Column("person", sa.String(length=80), nullable=False),
        sa.Column("part", sa.String(length=16), nullable=False),
        sa.Column("discipline", sa.String(length=80), nullable=False),
        sa.Column("invited_at", sa.BigInteger(), nullable=False),
        sa.Column("removed_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["consult"], ["consult.id"], name=op.f("fk_party_consult")),
        sa.PrimaryKeyConstraint("consult", "person", name=op.f("pk_party")),
    )
    op.create_index("ix_party_person", "party", ["person"], unique=False)
    op.create_table(
        "person_key",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("person", sa.String(length=80), nullable=False),
        sa.Column("agree_public", sa.LargeBinary(), nullable=False),
        sa.Column("sign_public", sa.LargeBinary(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=True),
        sa.Column("recovery", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("retired_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["person"], ["person.id"], name=op.f("fk_person_key_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person_key")),
    )
    op.create_index(op.f("ix_person_key_person"), "person_key", ["person"], unique=False)
    op.create_table(
        "presence",
        sa.Column("consult", sa.String(length=80), nullable=False),
        sa.Column("person", sa.String(length=80), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["consult"], ["consult.id"], name=op.f("fk_presence_consult")),
        sa.PrimaryKeyConstraint("consult", "person", name=op.f("pk_presence")),
    )
    op.create_table(
        "renewal",
        sa.Column("node", sa.String(length=64), nullable=False),
        sa.Column("csr", sa.LargeBinary(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("approved_at", sa.BigInteger(), nullable=True),
        sa.Column("approved_by", sa.String(length=80), nullable=True),
        sa.ForeignKeyConstraint(["node"], ["node.id"], name=op.f("fk_renewal_node")),
        sa.PrimaryKeyConstraint("node", name=op.f("pk_renewal")),
    )
    op.create_table(
        "seen",
        sa.Column("consult", sa.String(length=80), nullable=False),
        sa.Column("person", sa.String(length=80), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["consult"], ["consult.id"], name=op.f("fk_seen_consult")),
        sa.PrimaryKeyConstraint("consult", "person", name=op.f("pk_seen")),
    )
    op.create_index(op.f("ix_seen_at"), "seen", ["at"], unique=False)
    op.create_table(
        "session",
        sa.Column("token", sa.String(length=64), nullable=False),
        sa.Column("person", sa.String(length=80), nullable=False),
        sa.Column("csrf", sa.String(length=64), nullable=False),
        sa.Column("via", sa.String(length=12), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["person"], ["person.id"], name=op.f("fk_session_person")),
        sa.PrimaryKeyConstraint("token", name=op.f("pk_session")),
    )
    op.create_index(op.f("ix_session_person"), "session", ["person"], unique=False)
    op.create_table(
        "upload",
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("node", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("chunk", sa.Integer(), nullable=False),
        sa.Column("held", sa.LargeBinary(), nullable=False),
        sa.Column("touched_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["node"], ["node.id"], name=op.f("fk_upload_node")),
        sa.PrimaryKeyConstraint("address", name=op.f("pk_upload")),
    )
    op.create_table(
        "witness",
        sa.Column("node", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("head", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.String(length=32), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["node"], ["node.id"], name=op.f("fk_witness_node")),
        sa.PrimaryKeyConstraint("node", name=op.f("pk_witness")),
    )
    op.create_table(
        "wrap",
        sa.Column("consult", sa.String(length=80), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("recipient", sa.String(length=80), nullable=False),
        sa.Column("statement", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["consult"], ["consult.id"], name=op.f("fk_wrap_consult")),
        sa.PrimaryKeyConstraint("consult", "epoch", "recipient", name=op.f("pk_wrap")),
    )


def downgrade() -> None:
    """Drop every table."""
    op.drop_table("wrap")
    op.drop_table("witness")
    op.drop_table("upload")
    op.drop_index(op.f("ix_session_person"), table_name="session")
    op.drop_table("session")
    op.drop_index(op.f("ix_seen_at"), table_name="seen")
    op.drop_table("seen")
    op.drop_table("renewal")
    op.drop_table("presence")
    op.drop_index(op.f("ix_person_key_person"), table_name="person_key")
    op.drop_table("person_key")
    op.drop_index("ix_party_person", table_name="party")
    op.drop_table("party")
    op.drop_index(op.f("ix_notice_person"), table_name="notice")
    op.drop_table("notice")
    op.drop_index(op.f("ix_event_delivered_at"), table_name="event")
    op.drop_table("event")
    op.drop_table("duty")
    op.drop_index(op.f("ix_certificate_node"), table_name="certificate")
    op.drop_table("certificate")
    op.drop_index(op.f("ix_box_access_consult"), table_name="box_access")
    op.drop_table("box_access")
    op.drop_table("attached")
    op.drop_index("ix_statistic_newest_month", table_name="statistic")
    op.drop_index("ix_statistic_hospital_study", table_name="statistic")
    op.drop_table("statistic")
    op.drop_table("person")
    op.drop_table("node")
    op.drop_table("invite")
    op.drop_index(op.f("ix_consult_state"), table_name="consult")
    op.drop_index(op.f("ix_consult_hospital"), table_name="consult")
    op.drop_index(op.f("ix_consult_changed_at"), table_name="consult")
    op.drop_table("consult")
    op.drop_index(op.f("ix_object_hospital"), table_name="object")
    op.drop_table("object")
    op.drop_index(op.f("ix_nonce_at"), table_name="nonce")
    op.drop_table("nonce")
    op.drop_table("hospital")
    op.drop_table("directory")
    op.drop_table("checkpoint")
    op.drop_table("chain")
    op.drop_index("ix_attempt_what_who_at", table_name="attempt")
    op.drop_index("ix_attempt_what_address_at", table_name="attempt")
    op.drop_table("attempt")
