"""The portal's HTTP interface."""
