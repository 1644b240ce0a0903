"""A fixed stock of pages that hold what single models used; no more memory is ever taken."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from llmmem_gui.core.history_rows import BLOCK_ROWS


class Block(NamedTuple):
    """A run of `BLOCK_ROWS` slots of one resolution."""

    resolution: int
    number: int
    begins_seconds: int


class ModelPages:
    """Pages by block and model.

    When none is left, the page that reaches farthest into the past is taken from its owner: models
    that were there long ago vanish from the oldest part of the history first.
    """

    def __init__(self, figures: int, pages: int) -> None:
        """So many pages for all models at all resolutions together, with so many figures in each row."""
        # Pages that were never used cost no memory: the system gives it when they are first written.
        self._figures = np.zeros((pages, figures, BLOCK_ROWS), np.float32)
        self._free = list(range(pages - 1, -1, -1))
        self._used: dict[Block, dict[str, int]] = {}
        self.blocks_given_up = 0
        """Counts the blocks that lost their pages."""

    @property
    def bytes_held(self) -> int:
        """Bytes of the whole stock, used or not."""
        return self._figures.nbytes

    def models(self, block: Block) -> tuple[str, ...]:
        """The models that have a page of this block."""
        return tuple(self._used.get(block, ()))

    def find(self, block: Block, model_id: str) -> NDArray[np.float32] | None:
        """A model's page: shape (figures, `BLOCK_ROWS`), 0 where the model was not there."""
        page = self._used.get(block, {}).get(model_id)
        return None if page is None else self._page(page)

    def rows(self, block: Block, offsets: NDArray[np.int64]) -> tuple[tuple[str, ...], NDArray[np.float32]]:
        """The models with a page of this block, and a copy of their rows at these offsets.

        The shape of the copy is (models, figures, rows).
        """
        pages = self._used.get(block, {})
        chosen = np.array(list(pages.values()), np.int64)
        everything = len(offsets) == BLOCK_ROWS
        figures = self._figures[chosen] if everything else self._figures[chosen][:, :, offsets]
        return tuple(pages), figures

    def obtain(
        self, block: Block, model_id: str, protected: frozenset[Block] = frozenset()
    ) -> NDArray[np.float32] | None:
        """The page, taken from the stock if need be; None when all pages are worth more.

        Pages of the `protected` blocks are not taken from their owners. For a block that is protected
        itself the oldest other page is taken, otherwise only one that is older than this block.
        """
        found = self.find(block, model_id)
        if found is not None:
            return found
        if not self._free:
            rivals = [other for other in self._used if other not in protected]
            oldest = min(rivals, key=lambda other: other.begins_seconds, default=None)
            if oldest is None or (block not in protected and oldest.begins_seconds >= block.begins_seconds):
                return None
            self.release(oldest)
        page = self._free.pop()
        self._used.setdefault(block, {})[model_id] = page
        self._figures[page] = 0.0
        return self._page(page)

    def release(self, block: Block) -> None:
        """Give the pages of a block back."""
        self._free.extend(self._used.pop(block, {}).values())
        self.blocks_given_up += 1

    def _page(self, page: int) -> NDArray[np.float32]:
        figures: NDArray[np.float32] = self._figures[page]
        return figures
