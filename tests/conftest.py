"""Property tests: no time limit, for a busy machine is no failure, and the same examples each time.

Other examples are what `make fuzz` is for.
"""

from hypothesis import settings

settings.register_profile("house", deadline=None, derandomize=True)
settings.load_profile("house")
