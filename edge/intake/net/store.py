"""C-STORE and C-ECHO as provider (PS3.7 9.1.1, 9.1.5; PS3.4 annex B)."""

from __future__ import annotations

from core.errors import XinglinError
from edge.intake.net.command import CommandSet, Field, Operation, is_uid, response_to
from edge.intake.net.errors import NoDataSet, StoreFailed, StoreRefused
from edge.intake.net.session import Session, discard
from edge.intake.net.sink import SUCCESS, Receipt, Sink, StoreCommand, StoreOutcome

# PS3.7 annex C: what we answer to an operation that is not performed here.
UNRECOGNISED_OPERATION = 0x0211


def echo(session: Session, context_id: int, command: CommandSet) -> None:
    """Answer C-ECHO."""
    session.send(context_id, response_to(command, Operation.C_ECHO_RSP, SUCCESS))


def refuse_operation(session: Session, context_id: int, command: CommandSet) -> None:
    """Answer a request that is not ours: unrecognised operation; its data set is thrown away."""
    if command.has_data_set:
        session.receive_data_set(context_id, discard)
    fields = response_to(command, Operation.C_ECHO_RSP, UNRECOGNISED_OPERATION)
    fields[Field.COMMAND] = command.operation | 0x8000
    session.send(context_id, fields)


def store_command(session: Session, context_id: int, command: CommandSet) -> StoreCommand:
    """Return the sender's request as the sink sees it, faults named."""
    abstract, transfer = session.contexts[context_id]
    sop_class = command.text(Field.AFFECTED_SOP_CLASS)
    sop_instance = command.text(Field.AFFECTED_SOP_INSTANCE)
    faults = set()
    if not is_uid(sop_class):
        faults.add("sop_class_uid")
    elif sop_class != abstract:
        faults.add("context")
    if not is_uid(sop_instance) or len(command.raw(Field.AFFECTED_SOP_INSTANCE)) > 64:
        faults.add("sop_instance_uid")
    originator = command.raw(Field.MOVE_ORIGINATOR_MESSAGE_ID)
    return StoreCommand(
        sop_class=sop_class,
        sop_instance=sop_instance,
        transfer_syntax=transfer,
        message_id=command.number(Field.MESSAGE_ID),
        calling_ae=session.peer.calling_ae,
        priority=command.number(Field.PRIORITY, 0),
        move_originator_ae=command.text(Field.MOVE_ORIGINATOR_AE),
        move_originator_message_id=(
            command.number(Field.MOVE_ORIGINATOR_MESSAGE_ID) if originator else None
        ),
        faults=frozenset(faults),
    )


class Intake:
    """One object between the wire and its receipt.

    A refusal of the sink, at whatever point, is kept and the rest of the object thrown away, so
    that the association survives it. Errors of the disk and other refusals of ours become
    :class:`StoreFailed`, whose status asks the peer to send again.
    """

    __slots__ = ("_receipt", "_sink", "refusal")

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._receipt: Receipt | None = None
        self.refusal: StoreRefused | None = None

    def begin(self, session: Session, command: StoreCommand) -> None:
        """Ask the sink for a receipt."""
        try:
            self._receipt = self._sink.begin(session.peer, command)
        except StoreRefused as refusal:
            self._refuse(refusal)
        except (OSError, XinglinError) as error:
            self._refuse(_failed(error))

    def write(self, chunk: memoryview) -> None:
        """Pass a chunk on, or throw it away after a refusal."""
        receipt = self._receipt
        if receipt is None:
            return
        try:
            receipt.write(chunk)
        except StoreRefused as refusal:
            self.abort()
            self._refuse(refusal)
        except (OSError, XinglinError) as error:
            self.abort()
            self._refuse(_failed(error))

    def commit(self) -> StoreOutcome:
        """Make the object durable; return what the peer is told."""
        receipt, self._receipt = self._receipt, None
        if receipt is not None:
            try:
                return receipt.commit()
            except StoreRefused as refusal:
                self._refuse(refusal)
            except (OSError, XinglinError) as error:
                self._refuse(_failed(error))
        kept = self.refusal or StoreFailed()
        return StoreOutcome(kept.status, kept.sentence("en"))

    def abort(self) -> None:
        """Forget the object, if there is one."""
        receipt, self._receipt = self._receipt, None
        if receipt is not None:
            receipt.abort()

    def _refuse(self, refusal: StoreRefused) -> None:
        self.refusal = refusal
        if not refusal.drain:
            raise refusal


def _failed(error: Exception) -> StoreFailed:
    refusal = StoreFailed()
    refusal.__cause__ = error
    return refusal


def store(
    session: Session, context_id: int, command: CommandSet, sink: Sink
) -> tuple[int, StoreOutcome, StoreRefused | None]:
    """Receive one object and answer it; return its length, the outcome and the refusal if any.

    Raises
    ------
    StoreRefused
        The sink refuses and does not want the rest read: the association must be aborted.
    """
    request = store_command(session, context_id, command)
    intake = Intake(sink)
    if not command.has_data_set:
        intake.refusal = NoDataSet()
        size = 0
    else:
        try:
            intake.begin(session, request)
            size = session.receive_data_set(context_id, intake.write)
        except BaseException:
            intake.abort()
            raise
    outcome = intake.commit()
    session.send(
        context_id, response_to(command, Operation.C_STORE_RSP, outcome.status, outcome.comment)
    )
    return size, outcome, intake.refusal
