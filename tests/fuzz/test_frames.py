"""Whatever comes over the worker's pipe, the bot gets frames, the end, or one clear error.

The number of examples is that of the hypothesis profile.
"""

