"""What the views ask of the service, and what comes back: closed sets of frozen records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from llmmem_gui.core.cache_messages import LimitSet
from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.core.sentence import Sentence


@dataclass(frozen=True, slots=True)
class Load:
    """Load a model, with the parameters chosen for it unless others are given."""

    model: str
    """Id of the library, or path to a file."""
    parameters: LoadParameters | None = None


@dataclass(frozen=True, slots=True)
class Unload:
    """Unload a model now; also ends a load in progress."""

    model_id: str


@dataclass(frozen=True, slots=True)
class Exchange:
    """Unload some models, then load one."""

    unload: tuple[str, ...]
    model_id: str


@dataclass(frozen=True, slots=True)
class LoadAgain:
    """Load models that were unloaded, one after the other."""

    models: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UnloadAll:
    """Unload every model."""


@dataclass(frozen=True, slots=True)
class CleanUp:
    """Unload every idle model that is not pinned."""


@dataclass(frozen=True, slots=True)
class UnloadNeighbour:
    """Have another program unload a model, all that it holds, or end; the result is a NeighbourReceipt."""

    neighbour_id: str
    model: str | None = None
    """By the key of the program; None: all."""
    end_process: bool = False


@dataclass(frozen=True, slots=True)
class FreeEverything:
    """Unload every model, and have other programs unload what they can be told to."""


@dataclass(frozen=True, slots=True)
class Doze:
    """Give the weights of an idle model back, keep its process."""

    model_id: str


@dataclass(frozen=True, slots=True)
class SetLimit:
    """Set the limit of a model, or the total one (no id); None: no limit."""

    model_id: str | None
    limit_bytes: int | None


@dataclass(frozen=True, slots=True)
class SetPinned:
    """Pin a model or take its pin away."""

    model_id: str
    pinned: bool


@dataclass(frozen=True, slots=True)
class SetParameters:
    """Choose some of the parameters with which a model is loaded from now on."""

    model_id: str
    changes: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class ChangeSettings:
    """Change settings, each named as `section.field`; all others stay as they are by then."""

    changes: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class PreviewLimits:
    """What other limits would bring at once; the result is a LimitsOutlook."""

    rules: Mapping[str, object] | LimitSet
    """Settings, each named as `section.field`, or the limit of one model."""


@dataclass(frozen=True, slots=True)
class AddFolder:
    """Search one more folder for models from now on."""

    path: str


@dataclass(frozen=True, slots=True)
class FindForecasts:
    """What a load would take, for each of some sets of parameters; the result is a tuple of forecasts."""

    model_id: str
    variants: tuple[LoadParameters, ...]


@dataclass(frozen=True, slots=True)
class FindFit:
    """How a model could be loaded in at most some bytes; the result is a Fit."""

    model_id: str
    parameters: LoadParameters
    """Those with which it does not fit."""
    fits_bytes: int
    """Of main memory."""
    device: bool = False
    """A GPU is too small for the layers that were chosen: less context alone is no help."""


@dataclass(frozen=True, slots=True)
class Fit:
    """What would have to change so that a model fits; None where nothing helps."""

    context: int | None = None
    """The largest context, everything else as it is."""
    parameters: LoadParameters | None = None
    """The mildest combination of changes."""
    by_layers: bool = False
    """Those change nothing but how many layers lie on GPUs."""


@dataclass(frozen=True, slots=True)
class FindWarmth:
    """How loads of some models would go now; the result is a mapping of ids to ExpectedLoads."""

    model_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Scan:
    """Look for models again."""


@dataclass(frozen=True, slots=True)
class AddModel:
    """Take one file into the library."""

    path: str


@dataclass(frozen=True, slots=True)
class RemoveModel:
    """Take a model out of the list; its file stays."""

    model_id: str


@dataclass(frozen=True, slots=True)
class ListAgain:
    """Take files into the list again that were removed from it."""

    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChangeModel:
    """Change what is decided for a model, by the names of `ModelSettings`."""

    model_id: str
    changes: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Restore:
    """Load these models, after what makes them fit, if anything: a limit that was lowered is raised first."""

    models: tuple[str, ...]
    first: ChangeSettings | SetLimit | None = None


@dataclass(frozen=True, slots=True)
class FetchDemoModel:
    """Download the small model that the program can be tried with."""


@dataclass(frozen=True, slots=True)
class UseEngine:
    """Compute with an engine from the next load on, after trying it if need be; empty: the best by itself."""

    name: str


@dataclass(frozen=True, slots=True)
class TryEngine:
    """Forget what is known of an engine and try it anew."""

    name: str


@dataclass(frozen=True, slots=True)
class BuildEngine:
    """Compile llama.cpp for this processor."""


@dataclass(frozen=True, slots=True)
class CancelBuild:
    """Give up compiling."""


Find = FindForecasts | FindFit | FindWarmth
"""What views ask by themselves."""

EngineRequest = UseEngine | TryEngine | BuildEngine | CancelBuild


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message of a chat."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Ask:
    """Have a model answer the last message of a chat, loading it if need be.

    What comes of it has the same number: any `AnswerReading` and `AnswerPart`, then one `AnswerEnd`.
    """

    number: int
    model_id: str
    messages: tuple[ChatMessage, ...]
    maximum_tokens: int | None = 512
    """None: until the model ends or its context is full."""
    temperature: float = 0.2


@dataclass(frozen=True, slots=True)
class StopAsking:
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


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a request was not carried out."""

    code: str
    sentence: Sentence
    """What, the number, what to do."""
    model_id: str | None = None
    numbers: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a request: a result of the kind its record names, or a problem."""

    request: Request
    result: object = None
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class AnswerReading:
    """How far a model has read a long prompt."""

    number: int
    read_tokens: int
    prompt_tokens: int


@dataclass(frozen=True, slots=True)
class AnswerPart:
    """Text that a model wrote."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class AnswerEnd:
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
