"""What can go wrong."""


class ConnectError(Exception):
    """A worker could not begin to follow its environment."""


class SetupError(ConnectError):
    """The source's address or the worker's name is not usable."""


class RefusedError(ConnectError):
    """The source does not let this worker in: the token or the password is wrong or was revoked."""


class UnreachableError(ConnectError):
    """The source was not reached in time."""


class UnusableError(ConnectError):
    """The source was reached, and what it answers cannot be applied; nor is there a good configuration on disk."""


class ParameterError(LookupError):
    """A parameter cannot be had as asked for. Never shows its value."""


class UnknownParameterError(ParameterError):
    """The view has no such parameter."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no parameter `{name}` in this configuration")


class WrongShapeError(ParameterError):
    """The parameter's value has another form."""

    def __init__(self, name: str, kind: str, wanted: str) -> None:
        super().__init__(f"the parameter `{name}` is {kind}, which does not fit {wanted}")


class TransportError(Exception):
    """The connection is of no use any more; a new one may be. Holds no values, passwords or tokens."""


class NotLetIn(TransportError):
    """The source does not let this worker in."""


class Unusable(TransportError):
    """The connection works, but what it brings cannot be applied."""
