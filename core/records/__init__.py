"""Record types, canonical bytes, clocks, upcasters. Pure: imports nothing of ours, does no IO."""
