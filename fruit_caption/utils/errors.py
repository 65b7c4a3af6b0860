"""What a user is told when something can't be done.

Every message is one line that names the thing and the way out. The command line prints it
and exits with code 2; a program that calls the library catches `FruitError`.
"""


class FruitError(Exception):
    """Something the user gave can't be used. The message is meant for them."""


class PictureError(FruitError):
    """A file that can't be read as a picture."""


class DataError(FruitError):
    """A data set (`instances.json`, `qa.json`, its photos) that can't be used."""


class OutOfDomain(FruitError):
    """A question that is not about fruit, or about a fruit that the model never met."""


class WeightsError(FruitError):
    """Pretrained weights that can't be found, downloaded or loaded."""


class RunError(FruitError):
    """A run folder that is missing, incomplete or in the way."""


class WriterError(FruitError):
    """A language model that can't be found, loaded or used to write."""
