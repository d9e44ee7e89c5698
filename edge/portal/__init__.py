"""The portal's page for the experts of this hospital: our own code, the hub's interface."""
