"""Processing: readers of the journal that turn records into jobs, and the workers that do them."""
