from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Up(_message.Message):
    __slots__ = ("hello", "begin", "put", "commit", "event", "ack", "heartbeat", "witness", "wraps", "statistics", "checkpoint", "access", "attestation")
    HELLO_FIELD_NUMBER: _ClassVar[int]
    BEGIN_FIELD_NUMBER: _ClassVar[int]
    PUT_FIELD_NUMBER: _ClassVar[int]
    COMMIT_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    ACK_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    WITNESS_FIELD_NUMBER: _ClassVar[int]
    WRAPS_FIELD_NUMBER: _ClassVar[int]
    STATISTICS_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    ATTESTATION_FIELD_NUMBER: _ClassVar[int]
    hello: Hello
    begin: Begin
    put: Put
    commit: Commit
    event: Event
    ack: Ack
    heartbeat: Heartbeat
    witness: Witness
    wraps: Wraps
    statistics: Statistics
    checkpoint: Checkpoint
    access: AccessBatch
    attestation: Attestation
    def __init__(self, hello: _Optional[_Union[Hello, _Mapping]] = ..., begin: _Optional[_Union[Begin, _Mapping]] = ..., put: _Optional[_Union[Put, _Mapping]] = ..., commit: _Optional[_Union[Commit, _Mapping]] = ..., event: _Optional[_Union[Event, _Mapping]] = ..., ack: _Optional[_Union[Ack, _Mapping]] = ..., heartbeat: _Optional[_Union[Heartbeat, _Mapping]] = ..., witness: _Optional[_Union[Witness, _Mapping]] = ..., wraps: _Optional[_Union[Wraps, _Mapping]] = ..., statistics: _Optional[_Union[Statistics, _Mapping]] = ..., checkpoint: _Optional[_Union[Checkpoint, _Mapping]] = ..., access: _Optional[_Union[AccessBatch, _Mapping]] = ..., attestation: _Optional[_Union[Attestation, _Mapping]] = ...) -> None: ...

class Down(_message.Message):
    __slots__ = ("welcome", "have", "credit", "committed", "accepted", "row", "directory", "directory_head", "checkpoint", "slow_down", "refused", "access", "heartbeat")
    WELCOME_FIELD_NUMBER: _ClassVar[int]
    HAVE_FIELD_NUMBER: _ClassVar[int]
    CREDIT_FIELD_NUMBER: _ClassVar[int]
    COMMITTED_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    ROW_FIELD_NUMBER: _ClassVar[int]
    DIRECTORY_FIELD_NUMBER: _ClassVar[int]
    DIRECTORY_HEAD_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    SLOW_DOWN_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    welcome: Welcome
    have: Have
    credit: Credit
    committed: Committed
    accepted: Accepted
    row: ChainRow
    directory: DirectoryEntry
    directory_head: DirectoryHead
    checkpoint: Checkpoint
    slow_down: SlowDown
    refused: Refused
    access: AccessCheckpoint
    heartbeat: Heartbeat
    def __init__(self, welcome: _Optional[_Union[Welcome, _Mapping]] = ..., have: _Optional[_Union[Have, _Mapping]] = ..., credit: _Optional[_Union[Credit, _Mapping]] = ..., committed: _Optional[_Union[Committed, _Mapping]] = ..., accepted: _Optional[_Union[Accepted, _Mapping]] = ..., row: _Optional[_Union[ChainRow, _Mapping]] = ..., directory: _Optional[_Union[DirectoryEntry, _Mapping]] = ..., directory_head: _Optional[_Union[DirectoryHead, _Mapping]] = ..., checkpoint: _Optional[_Union[Checkpoint, _Mapping]] = ..., slow_down: _Optional[_Union[SlowDown, _Mapping]] = ..., refused: _Optional[_Union[Refused, _Mapping]] = ..., access: _Optional[_Union[AccessCheckpoint, _Mapping]] = ..., heartbeat: _Optional[_Union[Heartbeat, _Mapping]] = ...) -> None: ...

class Hello(_message.Message):
    __slots__ = ("protocol", "software", "at_ms", "heads", "chain_seq", "chain_link", "directory_size", "directory_head", "backlog", "statement")
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    SOFTWARE_FIELD_NUMBER: _ClassVar[int]
    AT_MS_FIELD_NUMBER: _ClassVar[int]
    HEADS_FIELD_NUMBER: _ClassVar[int]
    CHAIN_SEQ_FIELD_NUMBER: _ClassVar[int]
    CHAIN_LINK_FIELD_NUMBER: _ClassVar[int]
    DIRECTORY_SIZE_FIELD_NUMBER: _ClassVar[int]
    DIRECTORY_HEAD_FIELD_NUMBER: _ClassVar[int]
    BACKLOG_FIELD_NUMBER: _ClassVar[int]
    STATEMENT_FIELD_NUMBER: _ClassVar[int]
    protocol: int
    software: str
    at_ms: int
    heads: _containers.RepeatedCompositeFieldContainer[Checkpoint]
    chain_seq: int
    chain_link: bytes
    directory_size: int
    directory_head: bytes
    backlog: Backlog
    statement: bytes
    def __init__(self, protocol: _Optional[int] = ..., software: _Optional[str] = ..., at_ms: _Optional[int] = ..., heads: _Optional[_Iterable[_Union[Checkpoint, _Mapping]]] = ..., chain_seq: _Optional[int] = ..., chain_link: _Optional[bytes] = ..., directory_size: _Optional[int] = ..., directory_head: _Optional[bytes] = ..., backlog: _Optional[_Union[Backlog, _Mapping]] = ..., statement: _Optional[bytes] = ...) -> None: ...

class Welcome(_message.Message):
    __slots__ = ("at_ms", "credit", "chain_seq", "witnessed", "min_ping_s")
    AT_MS_FIELD_NUMBER: _ClassVar[int]
    CREDIT_FIELD_NUMBER: _ClassVar[int]
    CHAIN_SEQ_FIELD_NUMBER: _ClassVar[int]
    WITNESSED_FIELD_NUMBER: _ClassVar[int]
    MIN_PING_S_FIELD_NUMBER: _ClassVar[int]
    at_ms: int
    credit: int
    chain_seq: int
    witnessed: _containers.RepeatedCompositeFieldContainer[Checkpoint]
    min_ping_s: int
    def __init__(self, at_ms: _Optional[int] = ..., credit: _Optional[int] = ..., chain_seq: _Optional[int] = ..., witnessed: _Optional[_Iterable[_Union[Checkpoint, _Mapping]]] = ..., min_ping_s: _Optional[int] = ...) -> None: ...

class Backlog(_message.Message):
    __slots__ = ("items", "bytes", "oldest_ms")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    OLDEST_MS_FIELD_NUMBER: _ClassVar[int]
    items: int
    bytes: int
    oldest_ms: int
    def __init__(self, items: _Optional[int] = ..., bytes: _Optional[int] = ..., oldest_ms: _Optional[int] = ...) -> None: ...

class Begin(_message.Message):
    __slots__ = ("address", "size", "chunk", "consult", "priority")
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    CONSULT_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    address: bytes
    size: int
    chunk: int
    consult: str
    priority: int
    def __init__(self, address: _Optional[bytes] = ..., size: _Optional[int] = ..., chunk: _Optional[int] = ..., consult: _Optional[str] = ..., priority: _Optional[int] = ...) -> None: ...

class Have(_message.Message):
    __slots__ = ("address", "chunk", "held", "committed")
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    COMMITTED_FIELD_NUMBER: _ClassVar[int]
    address: bytes
    chunk: int
    held: bytes
    committed: bool
    def __init__(self, address: _Optional[bytes] = ..., chunk: _Optional[int] = ..., held: _Optional[bytes] = ..., committed: _Optional[bool] = ...) -> None: ...

class Put(_message.Message):
    __slots__ = ("address", "index", "data")
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    address: bytes
    index: int
    data: bytes
    def __init__(self, address: _Optional[bytes] = ..., index: _Optional[int] = ..., data: _Optional[bytes] = ...) -> None: ...

class Commit(_message.Message):
    __slots__ = ("address",)
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    address: bytes
    def __init__(self, address: _Optional[bytes] = ...) -> None: ...

class Credit(_message.Message):
    __slots__ = ("bytes",)
    BYTES_FIELD_NUMBER: _ClassVar[int]
    bytes: int
    def __init__(self, bytes: _Optional[int] = ...) -> None: ...

class Committed(_message.Message):
    __slots__ = ("address",)
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    address: bytes
    def __init__(self, address: _Optional[bytes] = ...) -> None: ...

class Event(_message.Message):
    __slots__ = ("id", "consult", "statement", "objects", "priority")
    ID_FIELD_NUMBER: _ClassVar[int]
    CONSULT_FIELD_NUMBER: _ClassVar[int]
    STATEMENT_FIELD_NUMBER: _ClassVar[int]
    OBJECTS_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    id: str
    consult: str
    statement: bytes
    objects: _containers.RepeatedScalarFieldContainer[bytes]
    priority: int
    def __init__(self, id: _Optional[str] = ..., consult: _Optional[str] = ..., statement: _Optional[bytes] = ..., objects: _Optional[_Iterable[bytes]] = ..., priority: _Optional[int] = ...) -> None: ...

class Wraps(_message.Message):
    __slots__ = ("id", "consult", "statement")
    ID_FIELD_NUMBER: _ClassVar[int]
    CONSULT_FIELD_NUMBER: _ClassVar[int]
    STATEMENT_FIELD_NUMBER: _ClassVar[int]
    id: str
    consult: str
    statement: bytes
    def __init__(self, id: _Optional[str] = ..., consult: _Optional[str] = ..., statement: _Optional[bytes] = ...) -> None: ...

class Statistics(_message.Message):
    __slots__ = ("id", "statement")
    ID_FIELD_NUMBER: _ClassVar[int]
    STATEMENT_FIELD_NUMBER: _ClassVar[int]
    id: str
    statement: bytes
    def __init__(self, id: _Optional[str] = ..., statement: _Optional[bytes] = ...) -> None: ...

class Accepted(_message.Message):
    __slots__ = ("id", "seq")
    ID_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    id: str
    seq: int
    def __init__(self, id: _Optional[str] = ..., seq: _Optional[int] = ...) -> None: ...

class Refused(_message.Message):
    __slots__ = ("id", "address", "code", "zh", "en", "for_good")
    ID_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    ZH_FIELD_NUMBER: _ClassVar[int]
    EN_FIELD_NUMBER: _ClassVar[int]
    FOR_GOOD_FIELD_NUMBER: _ClassVar[int]
    id: str
    address: bytes
    code: int
    zh: str
    en: str
    for_good: bool
    def __init__(self, id: _Optional[str] = ..., address: _Optional[bytes] = ..., code: _Optional[int] = ..., zh: _Optional[str] = ..., en: _Optional[str] = ..., for_good: _Optional[bool] = ...) -> None: ...

class ChainRow(_message.Message):
    __slots__ = ("writer", "seq", "header", "sealed", "link")
    WRITER_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    HEADER_FIELD_NUMBER: _ClassVar[int]
    SEALED_FIELD_NUMBER: _ClassVar[int]
    LINK_FIELD_NUMBER: _ClassVar[int]
    writer: str
    seq: int
    header: bytes
    sealed: bytes
    link: bytes
    def __init__(self, writer: _Optional[str] = ..., seq: _Optional[int] = ..., header: _Optional[bytes] = ..., sealed: _Optional[bytes] = ..., link: _Optional[bytes] = ...) -> None: ...

class Ack(_message.Message):
    __slots__ = ("chain_seq",)
    CHAIN_SEQ_FIELD_NUMBER: _ClassVar[int]
    chain_seq: int
    def __init__(self, chain_seq: _Optional[int] = ...) -> None: ...

class Heartbeat(_message.Message):
    __slots__ = ("at_ms", "backlog")
    AT_MS_FIELD_NUMBER: _ClassVar[int]
    BACKLOG_FIELD_NUMBER: _ClassVar[int]
    at_ms: int
    backlog: Backlog
    def __init__(self, at_ms: _Optional[int] = ..., backlog: _Optional[_Union[Backlog, _Mapping]] = ...) -> None: ...

class SlowDown(_message.Message):
    __slots__ = ("for_ms",)
    FOR_MS_FIELD_NUMBER: _ClassVar[int]
    for_ms: int
    def __init__(self, for_ms: _Optional[int] = ...) -> None: ...

class Checkpoint(_message.Message):
    __slots__ = ("journal", "writer", "seq", "link", "at", "signature")
    JOURNAL_FIELD_NUMBER: _ClassVar[int]
    WRITER_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    LINK_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    journal: str
    writer: str
    seq: int
    link: str
    at: str
    signature: str
    def __init__(self, journal: _Optional[str] = ..., writer: _Optional[str] = ..., seq: _Optional[int] = ..., link: _Optional[str] = ..., at: _Optional[str] = ..., signature: _Optional[str] = ...) -> None: ...

class DirectoryEntry(_message.Message):
    __slots__ = ("seq", "entries")
    SEQ_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    seq: int
    entries: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, seq: _Optional[int] = ..., entries: _Optional[_Iterable[bytes]] = ...) -> None: ...

class DirectoryHead(_message.Message):
    __slots__ = ("statement", "witnesses")
    STATEMENT_FIELD_NUMBER: _ClassVar[int]
    WITNESSES_FIELD_NUMBER: _ClassVar[int]
    statement: bytes
    witnesses: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, statement: _Optional[bytes] = ..., witnesses: _Optional[_Iterable[bytes]] = ...) -> None: ...

class Witness(_message.Message):
    __slots__ = ("statement",)
    STATEMENT_FIELD_NUMBER: _ClassVar[int]
    statement: bytes
    def __init__(self, statement: _Optional[bytes] = ...) -> None: ...

class Attestation(_message.Message):
    __slots__ = ("id", "statement")
    ID_FIELD_NUMBER: _ClassVar[int]
    STATEMENT_FIELD_NUMBER: _ClassVar[int]
    id: str
    statement: bytes
    def __init__(self, id: _Optional[str] = ..., statement: _Optional[bytes] = ...) -> None: ...

class AccessBatch(_message.Message):
    __slots__ = ("consult", "statement", "id")
    CONSULT_FIELD_NUMBER: _ClassVar[int]
    STATEMENT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    consult: str
    statement: bytes
    id: str
    def __init__(self, consult: _Optional[str] = ..., statement: _Optional[bytes] = ..., id: _Optional[str] = ...) -> None: ...

class AccessCheckpoint(_message.Message):
    __slots__ = ("checkpoint",)
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    checkpoint: Checkpoint
    def __init__(self, checkpoint: _Optional[_Union[Checkpoint, _Mapping]] = ...) -> None: ...

class FetchRequest(_message.Message):
    __slots__ = ("address", "offset")
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    address: bytes
    offset: int
    def __init__(self, address: _Optional[bytes] = ..., offset: _Optional[int] = ...) -> None: ...

class FetchPart(_message.Message):
    __slots__ = ("data",)
    DATA_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    def __init__(self, data: _Optional[bytes] = ...) -> None: ...
