"""Query, retrieve, commitment and procedure steps: the DIMSE services beside storage."""
