"""The allow-list and the contexts: decisions without a socket."""

from ipaddress import ip_network

import pytest

from edge.intake.net.errors import (
    ApplicationContextRefused,
    CalledTitleRefused,
    CallingTitleRefused,
    ProtocolVersionRefused,
    TlsRequired,
)
from edge.intake.net.negotiate import (
    Origin,
    agree,
    belongs_to_query_service,
    find_rule,
    is_storage,
    known_storage_classes,
    plain_address,
)
from edge.intake.net.pdu import AssociateRequest, ProposedContext, Roles
from edge.intake.net.settings import PeerRule, ReceiverSettings

CT, FIND, GET = (
    "1.2.840.10008.5.1.4.1.1.2",
    "1.2.840.10008.5.1.4.1.2.2.1",
    "1.2.840.10008.5.1.4.1.2.2.3",
)
VERIFICATION, COMMITMENT = "1.2.840.10008.1.1", "1.2.840.10008.1.20.1"
IMPLICIT, EXPLICIT, BIG = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"
J2K, JPIP = "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.94"
LISTED = known_storage_classes()


def request(*contexts: tuple[str, ...], **changes) -> AssociateRequest:
    proposed = tuple(
        ProposedContext(2 * i + 1, c[0], tuple(c[1:]) or (IMPLICIT,))
        for i, c in enumerate(contexts)
    )
    fields = {
        "called_ae": "XINGLIN",
        "calling_ae": "CT1",
        "protocol_version": 1,
        "application_context": "1.2.840.10008.3.1.1.1",
        "contexts": proposed,
        "max_pdu": 16384,
    }
    return AssociateRequest(**(fields | changes))


RULES = (
    PeerRule(
        "ct",
        calling_ae=frozenset({"CT1"}),
        networks=(ip_network("10.0.0.0/24"), ip_network("fd00::/8")),
    ),
    PeerRule("secure", calling_ae=frozenset({"PACS"}), tls_required=True),
    PeerRule("named", calling_ae=frozenset({"HUB"}), certificate_names=frozenset({"hub.example"})),
    PeerRule("own", calling_ae=frozenset({"MR"}), called_ae=frozenset({"MRSTORE"})),
)
SETTINGS = ReceiverSettings(ae_titles=frozenset({"XINGLIN"}), peers=RULES)


@pytest.mark.parametrize(
    ("changes", "origin", "expected"),
    [
        ({}, Origin("10.0.0.7"), "ct"),
        ({}, Origin("::ffff:10.0.0.7"), "ct"),
        ({}, Origin("fd00::1"), "ct"),
        ({}, Origin("10.0.1.7"), CallingTitleRefused),
        ({"calling_ae": "NOBODY"}, Origin("10.0.0.7"), CallingTitleRefused),
        ({"calling_ae": "ct1"}, Origin("10.0.0.7"), CallingTitleRefused),
        ({"called_ae": "OTHER"}, Origin("10.0.0.7"), CalledTitleRefused),
        ({"protocol_version": 2}, Origin("10.0.0.7"), ProtocolVersionRefused),
        ({"protocol_version": 3}, Origin("10.0.0.7"), "ct"),
        ({"application_context": "1.2"}, Origin("10.0.0.7"), ApplicationContextRefused),
        ({"calling_ae": "PACS"}, Origin("1.1.1.1"), TlsRequired),
        ({"calling_ae": "PACS"}, Origin("1.1.1.1", tls=True), "secure"),
        ({"calling_ae": "HUB"}, Origin("1.1.1.1", tls=True), TlsRequired),
        ({"calling_ae": "HUB"}, Origin("1.1.1.1", True, ("evil.example",)), TlsRequired),
        ({"calling_ae": "HUB"}, Origin("1.1.1.1", True, ("hub.example",)), "named"),
        ({"calling_ae": "MR"}, Origin("1.1.1.1"), CalledTitleRefused),
        ({"calling_ae": "MR", "called_ae": "MRSTORE"}, Origin("1.1.1.1"), "own"),
    ],
)
def test_allow_list(changes, origin, expected):
    asked = request((CT,), **changes)
    if isinstance(expected, str):
        assert find_rule(SETTINGS, asked, origin).name == expected
    else:
        with pytest.raises(expected):
            find_rule(SETTINGS, asked, origin)


def test_an_empty_allow_list_lets_nobody_in():
    with pytest.raises(CallingTitleRefused):
        find_rule(ReceiverSettings(frozenset({"X"}), peers=()), request((CT,)), Origin("10.0.0.1"))


def test_rejections_carry_the_triple_of_table_9_21():
    triples = {
        ApplicationContextRefused: (1, 1, 2),
        CallingTitleRefused: (1, 1, 3),
        CalledTitleRefused: (1, 1, 7),
        ProtocolVersionRefused: (1, 2, 2),
    }
    for refused, triple in triples.items():
        assert (refused.result, refused.source, refused.reason) == triple


@pytest.mark.parametrize(
    ("uid", "storage"),
    [
        (CT, True),
        ("1.2.840.10008.5.1.4.1.1.88.33", True),
        ("1.2.840.10008.5.1.4.1.1.9999.1", True),  # a class not yet in any table
        ("1.2.840.10008.5.1.4.34.7", True),  # RT beams delivery instruction
        ("1.2.840.10008.5.1.4.38.1", True),  # hanging protocol
        ("1.3.12.2.1107.5.9.1", True),  # a vendor's, by setting
        ("1.2.840.10008.5.1.4.1.1.201.2", False),  # inventory FIND
        ("1.2.840.10008.5.1.4.1.1.200.4", False),  # protocol approval FIND
        (FIND, False),
        (VERIFICATION, False),
        ("1.2.826.0.1", False),
    ],
)
def test_what_counts_as_storage(uid, storage):
    assert is_storage(uid, LISTED, ("1.3.12.2.1107.5.9.",)) is storage


def test_every_context_gets_exactly_one_transfer_syntax_the_first_proposed():
    asked = request(
        (CT, J2K, EXPLICIT),
        (CT, BIG),
        (CT, JPIP, IMPLICIT),
        (CT, JPIP),
        (VERIFICATION, BIG, IMPLICIT),
    )
    agreed = agree(asked, LISTED, ())
    assert [(a.result, a.transfer_syntax) for a in agreed.answers] == [
        (0, J2K),
        (0, BIG),
        (0, IMPLICIT),
        (0, JPIP),
        (0, IMPLICIT),
    ]
    assert agreed.accepted[1] == (CT, J2K)


def test_refused_contexts_say_why():
    agreed = agree(request((FIND,), (COMMITMENT, J2K), (CT, EXPLICIT)), LISTED, ())
    assert [a.result for a in agreed.answers] == [3, 4, 0]
    assert set(agreed.accepted) == {5}


@pytest.mark.parametrize(
    ("contexts", "roles", "handed"),
    [
        ([(FIND,)], {}, True),
        ([(FIND,), (VERIFICATION,)], {}, True),
        ([(VERIFICATION,)], {}, False),
        ([(COMMITMENT,)], {}, False),
        ([(CT,), (VERIFICATION,), (COMMITMENT,)], {}, False),
        ([(GET,), (CT,)], {CT: Roles(scu=False, scp=True)}, True),  # a C-GET requestor
        ([(GET,), (CT,)], {CT: Roles(scu=True, scp=True)}, False),
        ([(FIND,), (CT,)], {}, False),  # storing comes first
        ([("1.2.840.10008.3.1.2.3.3",)], {}, True),  # MPPS
    ],
)
def test_what_goes_to_the_query_service(contexts, roles, handed):
    asked = request(*contexts, roles=roles)
    assert belongs_to_query_service(asked, LISTED, ()) is handed


def test_roles_granted_are_ours_to_grant():
    asked = request(
        (CT,), (COMMITMENT,), roles={CT: Roles(True, True), COMMITMENT: Roles(False, True)}
    )
    assert agree(asked, LISTED, ()).roles == {
        CT: Roles(scu=True, scp=False),
        COMMITMENT: Roles(scu=False, scp=True),
    }


def test_zone_of_a_link_local_address_is_dropped():
    assert str(plain_address("fe80::1%eth0")) == "fe80::1"
