"""Where conversations are kept: in a database, or in memory."""
