"""Generated from the .proto files beside this folder; `make protos` writes it, a test compares."""
