"""The box's half of a consultation: requests, keys, bundles, what comes back, in-house MDT."""
