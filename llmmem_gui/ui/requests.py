"""What the views ask of the service, and what comes back: closed sets of frozen records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from llmmem_gui.core.cache_messages import LimitSet
from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.core.sentence import Sentence


class Load(msgspec.Struct, frozen=True):
    """Load a model, with the parameters chosen for it unless others are given."""

    model: str
    """Id of the library, or path to a file."""
    parameters: LoadParameters | None = None


class Unload(msgspec.Struct, frozen=True):
    """Unload a model now; also ends a load in progress."""

    model_id: str


class Exchange(msgspec.Struct, frozen=True):
    """Unload some models, then load one."""

    unload: tuple[str, ...]
    model_id: str


class LoadAgain(msgspec.Struct, frozen=True):
    """Load models that were unloaded, one after the other."""

    models: tuple[str, ...]


class UnloadAll(msgspec.Struct, frozen=True):
    """Unload every model."""


class CleanUp(msgspec.Struct, frozen=True):
    """Unload every idle model that is not pinned."""


class UnloadNeighbour(msgspec.Struct, frozen=True):
    """Have another program unload a model, all that it holds, or end; the result is a NeighbourReceipt."""

    neighbour_id: str
    model: str | None = None
    """By the key of the program; None: all."""
    end_process: bool = False


class FreeEverything(msgspec.Struct, frozen=True):
    """Unload every model, and have other programs unload what they can be told to."""


class Doze(msgspec.Struct, frozen=True):
    """Give the weights of an idle model back, keep its process."""

    model_id: str


class SetLimit(msgspec.Struct, frozen=True):
    """Set the limit of a model, or the total one (no id); None: no limit."""

    model_id: str | None
    limit_bytes: int | None


class SetPinned(msgspec.Struct, frozen=True):
    """Pin a model or take its pin away."""

    model_id: str
    pinned: bool


class SetParameters(msgspec.Struct, frozen=True):
    """Choose some of the parameters with which a model is loaded from now on."""

    model_id: str
    changes: Mapping[str, object]


class ChangeSettings(msgspec.Struct, frozen=True):
    """Change settings, each named as `section.field`; all others stay as they are by then."""

    changes: Mapping[str, object]


class PreviewLimits(msgspec.Struct, frozen=True):
    """What other limits would bring at once; the result is a LimitsOutlook."""

    rules: Mapping[str, object] | LimitSet
    """Settings, each named as `section.field`, or the limit of one model."""


class AddFolder(msgspec.Struct, frozen=True):
    """Search one more folder for models from now on."""

    path: str


class FindForecasts(msgspec.Struct, frozen=True):
    """What a load would take, for each of some sets of parameters; the result is a tuple of forecasts."""

    model_id: str
    variants: tuple[LoadParameters, ...]


class FindFit(msgspec.Struct, frozen=True):
    """How a model could be loaded in at most some bytes; the result is a Fit."""

    model_id: str
    parameters: LoadParameters
    """Those with which it does not fit."""
    fits_bytes: int
    """Of main memory."""
    device: bool = False
    """A GPU is too small for the layers that were chosen: less context alone is no help."""


class Fit(msgspec.Struct, frozen=True):
    """What would have to change so that a model fits; None where nothing helps."""

    context: int | None = None
    """The largest context, everything else as it is."""
    parameters: LoadParameters | None = None
    """The mildest combination of changes."""
    by_layers: bool = False
    """Those change nothing but how many layers lie on GPUs."""


class FindWarmth(msgspec.Struct, frozen=True):
    """How loads of some models would go now; the result is a mapping of ids to ExpectedLoads."""

    model_ids: tuple[str, ...]


class Scan(msgspec.Struct, frozen=True):
    """Look for models again."""


class AddModel(msgspec.Struct, frozen=True):
    """Take one file into the library."""

    path: str


class RemoveModel(msgspec.Struct, frozen=True):
    """Take a model out of the list; its file stays."""

    model_id: str


class ListAgain(msgspec.Struct, frozen=True):
    """Take files into the list again that were removed from it."""

    paths: tuple[str, ...]


class ChangeModel(msgspec.Struct, frozen=True):
    """Change what is decided for a model, by the names of `ModelSettings`."""

    model_id: str
    changes: Mapping[str, object]


class Restore(msgspec.Struct, frozen=True):
    """Load these models, after what makes them fit, if anything: a limit that was lowered is raised first."""

    models: tuple[str, ...]
    first: ChangeSettings | SetLimit | None = None


class FetchDemoModel(msgspec.Struct, frozen=True):
    """Download the small model that the program can be tried with."""


class UseEngine(msgspec.Struct, frozen=True):
    """Compute with an engine from the next load on, after trying it if need be; empty: the best by itself."""

    name: str


class TryEngine(msgspec.Struct, frozen=True):
    """Forget what is known of an engine and try it anew."""

    name: str


class BuildEngine(msgspec.Struct, frozen=True):
    """Compile llama.cpp for this processor."""


class CancelBuild(msgspec.Struct, frozen=True):
    """Give up compiling."""


Find = FindForecasts | FindFit | FindWarmth
"""What views ask by themselves."""

EngineRequest = UseEngine | TryEngine | BuildEngine | CancelBuild


class ChatMessage(msgspec.Struct, frozen=True):
    """One message of a chat."""

    role: Literal["system", "user", "assistant"]
    content: str


class Ask(msgspec.Struct, frozen=True):
    """Have a model answer the last message of a chat, loading it if need be.

    What comes of it has the same number: any `AnswerReading` and `AnswerPart`, then one `AnswerEnd`.
    """

    number: int
    model_id: str
    messages: tuple[ChatMessage, ...]
    maximum_tokens: int | None = 512
    """None: until the model ends or its context is full."""
    temperature: float = 0.2


class StopAsking(msgspec.Struct, frozen=True):
    """End an answer that is being written."""

    number: int


Request = (
    Load
    | Unload
    | Exchange
    | LoadAgain
    | UnloadAll
    | CleanUp
    | UnloadNeighbour
    | FreeEverything
    | Doze
    | SetLimit
    | SetPinned
    | SetParameters
    | ChangeSettings
    | PreviewLimits
    | AddFolder
    | Find
    | Scan
    | AddModel
    | RemoveModel
    | ListAgain
    | ChangeModel
    | Restore
    | FetchDemoModel
    | EngineRequest
    | Ask
    | StopAsking
)


class Problem(msgspec.Struct, frozen=True):
    """Why a request was not carried out."""

    code: str
    sentence: Sentence
    """What, the number, what to do."""
    model_id: str | None = None
    numbers: Mapping[str, float] = {}


class Outcome(msgspec.Struct, frozen=True):
    """What came of a request: a result of the kind its record names, or a problem."""

    request: Request
    result: object = None
    problem: Problem | None = None


class AnswerReading(msgspec.Struct, frozen=True):
    """How far a model has read a long prompt."""

    number: int
    read_tokens: int
    prompt_tokens: int


class AnswerPart(msgspec.Struct, frozen=True):
    """Text that a model wrote."""

    number: int
    text: str


class AnswerEnd(msgspec.Struct, frozen=True):
    """The end of an answer, with its figures, or the problem that ended it."""

    number: int
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    first_token_seconds: float | None = None
    problem: Problem | None = None
    notice: Sentence | None = None
    cut: Literal["", "stopped", "length"] = ""
    """Why it is not all that the model would have written: it was stopped, or has the greatest length."""
