"""Chat templates as models are published with them, compared with transformers.

`make test-templates` fetches them and runs these tests; without them nothing is run here.
"""
