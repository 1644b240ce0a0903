"""Which of a program's processes holds which of the models that it tells of."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from llmmem_gui.core.ledger import FileKey
from llmmem_gui.service.neighbours.llama_server import file_stem
from llmmem_gui.service.neighbours.processes import Process
from llmmem_gui.service.neighbours.program import Claim

NameOf = Callable[[FileKey | None], str | None]
"""What the owner of a model file calls the model."""


@dataclass(frozen=True, slots=True)
class Runner:
    """A process that was started with a model."""

    process: Process
    path: str
    file: FileKey | None

    def called(self, name_of: NameOf) -> str:
        """What to call its model while nobody else tells."""
        return name_of(self.file) or file_stem(self.path)


def runners(tree: Sequence[Process]) -> list[Runner]:
    """The processes that hold models; of several with the same one the uppermost. Looks at the files."""
    found: dict[str, Runner] = {}
    for process in tree:
        path = process.option("--model", "-m", "--model-path")
        if path and path not in found:
            whole = process.path_of(path)
            found[path] = Runner(process, whole, _file_key(whole))
    return list(found.values())


def matched(
    claims: Sequence[Claim], held: Sequence[Runner], told: Sequence[Runner], name_of: NameOf
) -> list[tuple[Claim, Runner | None]]:
    """Each claim with the process that holds it, where that is clear; then what of `told` nobody claims."""
    free = list(held)
    pairs: list[tuple[Claim, Runner | None]] = []
    for claim in claims:
        runner = next((each for each in free if _holds(each, claim, name_of)), None)
        if runner is not None:
            free.remove(runner)
        pairs.append((claim, runner))
    alone = [place for place, (_, runner) in enumerate(pairs) if runner is None]
    if len(alone) == len(free) == 1:
        pairs[alone[0]] = pairs[alone[0]][0], free.pop()
    if not alone:
        pairs += [(Claim(runner.called(name_of)), runner) for runner in free if runner in told]
    return pairs


def _holds(runner: Runner, claim: Claim, name_of: NameOf) -> bool:
    if claim.pid is not None:
        return claim.pid == runner.process.pid
    if claim.path and os.path.basename(claim.path) == os.path.basename(runner.path):
        return True
    alias = runner.process.option("--alias", "-a")
    # Ollama's own list spells out the tag that goes without saying.
    return claim.name.removesuffix(":latest") in (alias, name_of(runner.file), file_stem(runner.path))


def _file_key(path: str) -> FileKey | None:
    """What tells a file from every other, as the library does; None for one that is not there, or unclear."""
    if not os.path.isabs(path):  # from a folder that only another user may know
        return None
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino
