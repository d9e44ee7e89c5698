"""Quality control on screen: verdicts with advice, requests to the modality room, statistics."""
