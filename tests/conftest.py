"""What all tests share: how hypothesis runs.

``pytest --hypothesis-profile thorough`` looks for rarer cases and takes minutes.
"""

from hypothesis import settings

# No deadline: how long a case takes says nothing on a busy machine.
settings.register_profile("usual", deadline=None)
settings.register_profile("thorough", deadline=None, max_examples=2000)
settings.load_profile("usual")
