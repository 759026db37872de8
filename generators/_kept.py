"""What was read of training frames, kept in memory as long as there is room."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, Protocol, TypeVar


class Sized(Protocol):
    """Something that says how much memory it takes."""

    @property
    def nbytes(self) -> int: ...


V = TypeVar("V", bound=Sized)


class Kept(Generic[V]):
    """The values asked for last, as many as `megabytes` hold; one is always kept."""

    def __init__(self, megabytes: int) -> None:
        self._room = megabytes * 2**20
        self._values: OrderedDict[Hashable, V] = OrderedDict()

    def get(self, name: Hashable, read: Callable[[], V]) -> V:
        """The value of that name; read where it is not at hand."""
        if name in self._values:
            self._values.move_to_end(name)
            return self._values[name]
        value = self._values[name] = read()
        self._room -= value.nbytes
        while self._room < 0 and len(self._values) > 1:
            self._room += self._values.popitem(last=False)[1].nbytes
        return value
