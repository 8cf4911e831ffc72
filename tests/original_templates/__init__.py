"""Chat templates as models are published with them, against transformers: ``make test-templates``."""
