"""The commands of `fruit`: each asks the library for what it needs, and prints what comes back.

TensorFlow takes seconds to import, so a command imports what it needs when it is called.
"""
