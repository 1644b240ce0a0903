"""The cells of a cache, counted as llama.cpp uses them."""

from __future__ import annotations

from llmmem_gui.host.numbers import Numbers, numbers


class Cells:
    """Counts the cells of the cache as llama.cpp does: a copied prefix shares those of its source."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._users = numbers()
        """How many sequences use each cell, for the cells that were ever used."""
        self._free = numbers()
        """Cells that were used and are not any more."""

    @property
    def free(self) -> int:
        """Cells that nobody uses."""
        return self.count - len(self._users) + len(self._free)

    @property
    def used_at_once(self) -> int:
        """Most cells that were ever used at once: free ones are used again before any other."""
        return len(self._users)

    def take(self, count: int) -> Numbers:
        """Use free cells."""
        again = min(count, len(self._free))
        taken = self._free[len(self._free) - again :]
        del self._free[len(self._free) - again :]
        first = len(self._users)
        taken.extend(range(first, first + count - again))
        self._users.extend(0 for _ in range(count - again))
        self.share(taken)
        return taken

    def share(self, cells: Numbers) -> None:
        """Use cells once more."""
        for cell in cells:
            self._users[cell] += 1

    def unshared(self, cells: Numbers) -> int:
        """How many of them would be free if one user gave them back."""
        return sum(self._users[cell] == 1 for cell in cells)

    def give_back(self, cells: Numbers) -> None:
        """Use cells once less."""
        for cell in cells:
            self._users[cell] -= 1
            if not self._users[cell]:
                self._free.append(cell)
