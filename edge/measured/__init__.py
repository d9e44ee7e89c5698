"""What a person draws and measures on a study: kept, numbered by the box, sent as SR."""
