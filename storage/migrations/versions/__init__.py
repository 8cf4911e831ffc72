"""Schema revisions, one module each, oldest first: 0001 is the schema of 0.1.0."""
