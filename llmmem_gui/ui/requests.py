"""What the views ask of the service, and what comes back: closed sets of frozen records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.core.sentence import Sentence
from llmmem_gui.core.settings import Settings


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
class UnloadAll:
    """Unload every model."""


@dataclass(frozen=True, slots=True)
class CleanUp:
    """Unload every idle model that is not pinned."""


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
class SetReserve:
    """Set what stays free for everything else, in bytes."""

    reserve_bytes: int


@dataclass(frozen=True, slots=True)
class SetIdle:
    """Set after how many idle minutes a model is unloaded; None: never."""

    minutes: float | None


@dataclass(frozen=True, slots=True)
class SetPinned:
    """Pin a model or take its pin away."""

    model_id: str
    pinned: bool


@dataclass(frozen=True, slots=True)
class SetParameters:
    """Choose the parameters with which a model is loaded from now on."""

    model_id: str
    parameters: LoadParameters


@dataclass(frozen=True, slots=True)
class ChangeSettings:
    """Put other settings in force."""

    settings: Settings


@dataclass(frozen=True, slots=True)
class FindForecasts:
    """What a load would take, for each of some sets of parameters; the result is a tuple of forecasts."""

    model_id: str
    variants: tuple[LoadParameters, ...]


@dataclass(frozen=True, slots=True)
class FindFit:
    """How a model could be loaded in at most some bytes; the result is a Fit."""

    model_id: str
    fits_bytes: int


@dataclass(frozen=True, slots=True)
class Fit:
    """What would have to change so that a model fits; None where nothing helps."""

    context: int | None = None
    """The largest context, everything else as it is."""
    parameters: LoadParameters | None = None
    """The mildest combination of changes."""


@dataclass(frozen=True, slots=True)
class Scan:
    """Look for models again."""


@dataclass(frozen=True, slots=True)
class AddModel:
    """Take one file into the library."""

    path: str


@dataclass(frozen=True, slots=True)
class FetchDemoModel:
    """Download the small model that the program can be tried with."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Have a model answer a prompt; its parts and its end come back with the same number."""

    number: int
    model_id: str
    prompt: str
    maximum_tokens: int = 512


@dataclass(frozen=True, slots=True)
class StopAsking:
    """End an answer that is being written."""

    number: int


Request = (
    Load
    | Unload
    | Exchange
    | UnloadAll
    | CleanUp
    | Doze
    | SetLimit
    | SetReserve
    | SetIdle
    | SetPinned
    | SetParameters
    | ChangeSettings
    | FindForecasts
    | FindFit
    | Scan
    | AddModel
    | FetchDemoModel
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
