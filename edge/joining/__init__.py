"""Studies of one patient brought together: prior and current CT, radiograph and CT, PET and CT."""
