"""The appliance's data folder: opened once per process, passed to everything that needs it."""
