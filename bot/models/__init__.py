"""The models on this machine: getting them from the Hugging Face Hub, listing, removing.

Downloads lie in Hugging Face's own cache, so that its other tools see them and Parley sees
theirs. No module here loads a model.
"""
