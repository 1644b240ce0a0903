"""What the models are called: their names where these tell them apart, else their ids."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from llmmem_gui.core.neighbours import program_recorded_as
from llmmem_gui.core.snapshot import CacheSnapshot, ModelSnapshot
from llmmem_gui.ui.sentences import NameOf


class ModelNames:
    """Remembers the names of all models seen; one that is gone keeps its name on the plot."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def take(self, models: Iterable[ModelSnapshot]) -> None:
        """Take in the models that there are."""
        listed = list(models)
        often = Counter(model.facts.name for model in listed)
        for model in listed:
            name = model.facts.name
            self._names[model.id] = name if name and often[name] == 1 else model.id

    def of(self, model_id: str) -> str:
        """What to call a model, or another program by what it is recorded as."""
        return program_recorded_as(model_id) or self._names.get(model_id, model_id)


def names_in(snapshot: CacheSnapshot | None) -> NameOf:
    """Gives the name of a model of this snapshot for its id; of others there is only the id."""

    def name_of(model_id: str) -> str:
        model = snapshot.model(model_id) if snapshot is not None else None
        return model_id if model is None else model.facts.name or model_id

    return name_of
