"""The hub's side of the wire to the boxes: enrolment and sync over gRPC."""
