"""De-identified statistics of the region, as the hospitals' policies let them out."""
