"""Decides about an association: let in, refuse with the right reason, or hand over. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from pynetdicom import sop_class as tables

from edge.intake.net.errors import (
    ApplicationContextRefused,
    CalledTitleRefused,
    CallingTitleRefused,
    ProtocolVersionRefused,
    TlsRequired,
)
from edge.intake.net.pdu import (
    DICOM_APPLICATION_CONTEXT,
    AssociateRequest,
    ContextAnswer,
    ProposedContext,
    Roles,
)
from edge.intake.net.settings import PeerRule, ReceiverSettings

VERIFICATION = "1.2.840.10008.1.1"
COMMITMENT = "1.2.840.10008.1.20.1"
IMPLICIT_LE, EXPLICIT_LE = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"

_STORAGE_ROOT = "1.2.840.10008.5.1.4.1.1."
# Under the storage root, yet services: inventory and protocol approval queries.
_NOT_STORAGE = frozenset({f"{_STORAGE_ROOT}201.{n}" for n in range(2, 7)}) | frozenset(
    {f"{_STORAGE_ROOT}200.{n}" for n in range(4, 7)}
)
# Storage classes that stand outside the root (PS3.4 tables B.5-1 and GG.3-1), RT delivery
# instructions among them, and retired ones that old modalities still send.
_STORAGE_ELSEWHERE = frozenset({"1.2.840.10008.5.1.1.27", "1.2.840.10008.5.1.1.29"})
# JPIP: the object only points to its pixels; anything else that is proposed is better.
_BY_REFERENCE = frozenset(
    {"1.2.840.10008.1.2.4.94", "1.2.840.10008.1.2.4.95", "1.2.840.10008.1.2.4.204"}
)

ACCEPTED, ABSTRACT_REFUSED, TRANSFER_REFUSED = 0, 3, 4


@dataclass(frozen=True, slots=True)
class Origin:
    """What the transport says about the peer."""

    address: str
    tls: bool = False
    certificate_names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Agreement:
    """The accepted association: one answer per proposed context."""

    answers: tuple[ContextAnswer, ...]
    accepted: dict[int, tuple[str, str]]
    roles: dict[str, Roles]


def known_storage_classes() -> frozenset[str]:
    """Return the storage classes of the library's tables, wherever their UIDs stand."""
    listed: Iterable[str] = (
        *tables._STORAGE_CLASSES.values(),
        *tables._NON_PATIENT_OBJECT_CLASSES.values(),
    )
    return frozenset(listed) | _STORAGE_ELSEWHERE


def is_storage(uid: str, listed: frozenset[str], private_prefixes: tuple[str, ...]) -> bool:
    """Say whether an abstract syntax is a storage class: listed, under the root, or a vendor's."""
    if uid in listed:
        return True
    if uid.startswith(_STORAGE_ROOT):
        return uid not in _NOT_STORAGE
    return uid.startswith(private_prefixes) if private_prefixes else False


def find_rule(settings: ReceiverSettings, request: AssociateRequest, origin: Origin) -> PeerRule:
    """Return the first rule of the allow-list that fits, with the check of PS3.8 9.3.1 before it.

    Raises
    ------
    ProtocolVersionRefused, ApplicationContextRefused, CalledTitleRefused, CallingTitleRefused
        Each with its own reason, in this order.
    TlsRequired
        A rule fits but for its TLS demands.
    """
    if not request.protocol_version & 1:
        raise ProtocolVersionRefused
    if request.application_context != DICOM_APPLICATION_CONTEXT:
        raise ApplicationContextRefused
    address = plain_address(origin.address)
    mine = [r for r in settings.peers if _calls(r, request.calling_ae) and _from(r, address)]
    if not mine:
        raise CallingTitleRefused(calling=request.calling_ae)
    named = [r for r in mine if request.called_ae in (r.called_ae or settings.ae_titles)]
    if not named:
        raise CalledTitleRefused(called=request.called_ae)
    for rule in named:
        if _secure_enough(rule, origin):
            return rule
    raise TlsRequired(calling=request.calling_ae)


def plain_address(text: str) -> IPv4Address | IPv6Address:
    """Return the address, IPv4 that came mapped into IPv6 as IPv4."""
    address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _calls(rule: PeerRule, calling_ae: str) -> bool:
    return not rule.calling_ae or calling_ae in rule.calling_ae


def _from(rule: PeerRule, address: IPv4Address | IPv6Address) -> bool:
    return any(address in network for network in rule.networks)


def _secure_enough(rule: PeerRule, origin: Origin) -> bool:
    if rule.certificate_names:
        return origin.tls and not rule.certificate_names.isdisjoint(origin.certificate_names)
    return origin.tls or not rule.tls_required


def belongs_to_query_service(
    request: AssociateRequest, listed: frozenset[str], private_prefixes: tuple[str, ...]
) -> bool:
    """Say whether the whole association goes to the query service.

    It does when a context is none of ours and nothing is to be stored here: storage contexts whose
    role selection makes the requestor the SCP belong to its C-GET. A peer that mixes its own
    storage with queries stays here (losing an image is worse than refusing a query); its query
    contexts are refused one by one.
    """
    foreign = False
    for context in request.contexts:
        uid = context.abstract_syntax
        if is_storage(uid, listed, private_prefixes):
            role = request.roles.get(uid)
            if role is None or role.scu or not role.scp:
                return False
        elif uid not in {VERIFICATION, COMMITMENT}:
            foreign = True
    return foreign


def agree(
    request: AssociateRequest, listed: frozenset[str], private_prefixes: tuple[str, ...]
) -> Agreement:
    """Answer every proposed context: exactly one transfer syntax each, the first proposed.

    Storage takes any transfer syntax, because objects are kept as they were sent.
    """
    answers: list[ContextAnswer] = []
    accepted: dict[int, tuple[str, str]] = {}
    for context in request.contexts:
        answer = _answer(context, listed, private_prefixes)
        answers.append(answer)
        if answer.result == ACCEPTED:
            accepted[context.context_id] = (context.abstract_syntax, answer.transfer_syntax)
    return Agreement(tuple(answers), accepted, _granted(request, accepted))


def _answer(
    context: ProposedContext, listed: frozenset[str], private_prefixes: tuple[str, ...]
) -> ContextAnswer:
    proposed = context.transfer_syntaxes
    # The transfer syntax of a refused context has no meaning, but must be there.
    unheeded = proposed[0] if proposed else IMPLICIT_LE
    if is_storage(context.abstract_syntax, listed, private_prefixes):
        choices = [uid for uid in proposed if uid not in _BY_REFERENCE] or list(proposed)
    elif context.abstract_syntax in {VERIFICATION, COMMITMENT}:
        choices = [uid for uid in proposed if uid in {IMPLICIT_LE, EXPLICIT_LE}]
    else:
        return ContextAnswer(context.context_id, ABSTRACT_REFUSED, unheeded)
    if not choices:
        return ContextAnswer(context.context_id, TRANSFER_REFUSED, unheeded)
    return ContextAnswer(context.context_id, ACCEPTED, choices[0])


def _granted(request: AssociateRequest, accepted: dict[int, tuple[str, str]]) -> dict[str, Roles]:
    """Return the roles we answer: both for commitment, else only that the requestor is the SCU."""
    classes = {abstract for abstract, _ in accepted.values()}
    return {
        uid: Roles(scu=role.scu, scp=role.scp and uid == COMMITMENT)
        for uid, role in request.roles.items()
        if uid in classes
    }
