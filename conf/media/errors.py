"""The one error every wire parser of the bridge may raise."""


class DecodeError(ValueError):
    """The bytes do not follow the format they claim; the packet is counted and dropped.

    Not an AppError: nobody is waiting for an answer. The message names the field, never the data.
    """
