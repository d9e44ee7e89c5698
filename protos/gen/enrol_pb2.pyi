from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class JoinRequest(_message.Message):
    __slots__ = ("invite", "secret_proof", "csr", "sign_public", "seal_public", "node_signature", "software", "recovery_public", "nonce", "at_ms")
    INVITE_FIELD_NUMBER: _ClassVar[int]
    SECRET_PROOF_FIELD_NUMBER: _ClassVar[int]
    CSR_FIELD_NUMBER: _ClassVar[int]
    SIGN_PUBLIC_FIELD_NUMBER: _ClassVar[int]
    SEAL_PUBLIC_FIELD_NUMBER: _ClassVar[int]
    NODE_SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    SOFTWARE_FIELD_NUMBER: _ClassVar[int]
    RECOVERY_PUBLIC_FIELD_NUMBER: _ClassVar[int]
    NONCE_FIELD_NUMBER: _ClassVar[int]
    AT_MS_FIELD_NUMBER: _ClassVar[int]
    invite: str
    secret_proof: bytes
    csr: bytes
    sign_public: bytes
    seal_public: bytes
    node_signature: bytes
    software: str
    recovery_public: bytes
    nonce: bytes
    at_ms: int
    def __init__(self, invite: _Optional[str] = ..., secret_proof: _Optional[bytes] = ..., csr: _Optional[bytes] = ..., sign_public: _Optional[bytes] = ..., seal_public: _Optional[bytes] = ..., node_signature: _Optional[bytes] = ..., software: _Optional[str] = ..., recovery_public: _Optional[bytes] = ..., nonce: _Optional[bytes] = ..., at_ms: _Optional[int] = ...) -> None: ...

class JoinReply(_message.Message):
    __slots__ = ("chain", "root", "hospital", "hospital_name", "hub", "hub_sign_public", "sync_address", "directory_size", "directory_head", "at_ms", "relay_address", "notice_address")
    CHAIN_FIELD_NUMBER: _ClassVar[int]
    ROOT_FIELD_NUMBER: _ClassVar[int]
    HOSPITAL_FIELD_NUMBER: _ClassVar[int]
    HOSPITAL_NAME_FIELD_NUMBER: _ClassVar[int]
    HUB_FIELD_NUMBER: _ClassVar[int]
    HUB_SIGN_PUBLIC_FIELD_NUMBER: _ClassVar[int]
    SYNC_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    DIRECTORY_SIZE_FIELD_NUMBER: _ClassVar[int]
    DIRECTORY_HEAD_FIELD_NUMBER: _ClassVar[int]
    AT_MS_FIELD_NUMBER: _ClassVar[int]
    RELAY_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    NOTICE_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    chain: _containers.RepeatedScalarFieldContainer[bytes]
    root: bytes
    hospital: str
    hospital_name: str
    hub: str
    hub_sign_public: bytes
    sync_address: str
    directory_size: int
    directory_head: bytes
    at_ms: int
    relay_address: str
    notice_address: str
    def __init__(self, chain: _Optional[_Iterable[bytes]] = ..., root: _Optional[bytes] = ..., hospital: _Optional[str] = ..., hospital_name: _Optional[str] = ..., hub: _Optional[str] = ..., hub_sign_public: _Optional[bytes] = ..., sync_address: _Optional[str] = ..., directory_size: _Optional[int] = ..., directory_head: _Optional[bytes] = ..., at_ms: _Optional[int] = ..., relay_address: _Optional[str] = ..., notice_address: _Optional[str] = ...) -> None: ...

class RenewRequest(_message.Message):
    __slots__ = ("node", "serial", "csr", "at_ms", "nonce", "signature", "local_consent", "recovery_public", "software")
    NODE_FIELD_NUMBER: _ClassVar[int]
    SERIAL_FIELD_NUMBER: _ClassVar[int]
    CSR_FIELD_NUMBER: _ClassVar[int]
    AT_MS_FIELD_NUMBER: _ClassVar[int]
    NONCE_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    LOCAL_CONSENT_FIELD_NUMBER: _ClassVar[int]
    RECOVERY_PUBLIC_FIELD_NUMBER: _ClassVar[int]
    SOFTWARE_FIELD_NUMBER: _ClassVar[int]
    node: str
    serial: str
    csr: bytes
    at_ms: int
    nonce: bytes
    signature: bytes
    local_consent: bool
    recovery_public: bytes
    software: str
    def __init__(self, node: _Optional[str] = ..., serial: _Optional[str] = ..., csr: _Optional[bytes] = ..., at_ms: _Optional[int] = ..., nonce: _Optional[bytes] = ..., signature: _Optional[bytes] = ..., local_consent: _Optional[bool] = ..., recovery_public: _Optional[bytes] = ..., software: _Optional[str] = ...) -> None: ...

class RenewReply(_message.Message):
    __slots__ = ("state", "chain", "at_ms", "sync_address", "relay_address", "notice_address")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[RenewReply.State]
        ISSUED: _ClassVar[RenewReply.State]
        WAITING: _ClassVar[RenewReply.State]
    STATE_UNSPECIFIED: RenewReply.State
    ISSUED: RenewReply.State
    WAITING: RenewReply.State
    STATE_FIELD_NUMBER: _ClassVar[int]
    CHAIN_FIELD_NUMBER: _ClassVar[int]
    AT_MS_FIELD_NUMBER: _ClassVar[int]
    SYNC_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    RELAY_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    NOTICE_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    state: RenewReply.State
    chain: _containers.RepeatedScalarFieldContainer[bytes]
    at_ms: int
    sync_address: str
    relay_address: str
    notice_address: str
    def __init__(self, state: _Optional[_Union[RenewReply.State, str]] = ..., chain: _Optional[_Iterable[bytes]] = ..., at_ms: _Optional[int] = ..., sync_address: _Optional[str] = ..., relay_address: _Optional[str] = ..., notice_address: _Optional[str] = ...) -> None: ...
