"""The DICOM storage receiver: one port for the hospital, bytes passed on while they are read.

Vocabulary (PS3.7, PS3.8): *association*, *presentation context*, *PDU*, *PDV*, *command set*.
A :class:`~edge.intake.net.sink.Sink` keeps what arrives, a
:class:`~edge.intake.net.sink.Commitments` answers storage commitment, and
:class:`~edge.intake.net.receiver.Receiver` listens. What is neither storage, verification nor
storage commitment is handed, connection and all, to the query service on a loopback address.
"""
