"""One warning about memory: its numbers, its cause, what can be done, and how it ends."""

from __future__ import annotations

from dataclasses import dataclass

from llmmem_gui.core.pools import DevicePool
from llmmem_gui.core.pressure import Level
from llmmem_gui.core.sentence import Duration, Models, Percent, Sentence, Size

_SOONEST_SECONDS = 5.0
"""A limit that is reached sooner is as good as reached: a number of tenths helps nobody."""


@dataclass(frozen=True, slots=True)
class Growth:
    """What has grown, and how fast."""

    name: str
    """A model, or another program."""
    grown_bytes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Alert:
    """One warning, with its numbers."""

    level: Level
    """Warning: near; critical: nearly there; emergency: past the limit, or the worst pressure."""
    current_bytes: int
    limit_bytes: int
    """The limit; for the machine, or a GPU that is short, all its memory."""
    model_id: str | None = None
    """The model that is near its own limit; None: all models, or the machine."""
    of_machine: bool = False
    """The memory itself is short and not what a limit leaves of it."""
    device: DevicePool | None = None
    """The GPU that it is about; None: main memory."""
    simulated: bool = False
    """The pressure is only simulated: nothing is short."""
    seconds_to_limit: float | None = None
    """When the limit is reached at the present rate; None when nothing clear can be said."""
    growth: Growth | None = None
    """What caused it, as far as that can be seen."""
    relief_model: str | None = None
    """The model that would go first, whose unloading helps."""
    relief_bytes: int = 0
    """What unloading it gives back."""

    @property
    def subject(self) -> str:
        """What it is about: of two warnings with the same subject one is the other, later."""
        if self.device is not None:
            return f"gpu {self.device.key}"
        if self.of_machine:
            return "machine"
        return "total" if self.model_id is None else f"model {self.model_id}"

    @property
    def percent(self) -> float:
        """Use in percent of the limit."""
        return 100.0 * self.current_bytes / self.limit_bytes

    @property
    def numbers(self) -> dict[str, float]:
        """Figures by name, the unit in each name."""
        numbers = {
            "percent": self.percent,
            "current_bytes": self.current_bytes,
            "limit_bytes": self.limit_bytes,
            "level": int(self.level),
            "relief_bytes": self.relief_bytes,
            "seconds_to_limit": self.seconds_to_limit,
            "growth_bytes": self.growth.grown_bytes if self.growth else None,
            "growth_seconds": self.growth.seconds if self.growth else None,
            "simulated": 1 if self.simulated else None,
        }
        return {name: float(number) for name, number in numbers.items() if number is not None}

    @property
    def sentence(self) -> Sentence:
        """What is short, why, when it is used up, and what can be done."""
        story = self._what()
        for more in (self._growth(), self._end()):
            if more is not None:
                story = Sentence("Alert", "{story}, {more}").format(story=story, more=more)
        whole = Sentence("Alert", "{story}: {advice}.").format(story=story, advice=self._advice())
        return Sentence("Alert", "Simulated: {story}").format(story=whole) if self.simulated else whole

    @property
    def end(self) -> Sentence:
        """How it is told that this is over; its numbers are those of the end."""
        used, limit, share = Size(self.current_bytes), Size(self.limit_bytes), Percent(self.percent)
        if self.simulated:
            return Sentence("Alert", "The simulated pressure has ended.")
        left = Size(self.limit_bytes - self.current_bytes)
        if self.device is not None:
            clear = Sentence(
                "Alert", "The models are clear of their limit on {gpu} again: {used} of {limit} ({share})."
            )
            roomy = Sentence("Alert", "{gpu} has {left} of {limit} left again ({share} used).")
            told = roomy if self.of_machine else clear
            return told.format(gpu=self.device.name, used=used, left=left, limit=limit, share=share)
        if self.of_machine:
            return Sentence("Alert", "This computer has {left} of {limit} left again ({share} used).").format(
                left=left, limit=limit, share=share
            )
        if self.model_id is not None:
            return Sentence(
                "Alert", "{model} is clear of its limit again: {used} of {limit} ({share})."
            ).format(model=Models((self.model_id,)), used=used, limit=limit, share=share)
        return Sentence(
            "Alert", "The models are clear of their limit again: {used} of {limit} ({share})."
        ).format(used=used, limit=limit, share=share)

    def _what(self) -> Sentence:
        used, limit, share = Size(self.current_bytes), Size(self.limit_bytes), Percent(self.percent)
        left = Size(self.limit_bytes - self.current_bytes)
        if self.device is not None:
            past = Sentence("Alert", "The models use {used} of their limit of {limit} on {gpu} ({share})")
            short = Sentence("Alert", "{gpu} has {left} of {limit} left ({share} used)")
            told = short if self.of_machine else past
            return told.format(gpu=self.device.name, used=used, left=left, limit=limit, share=share)
        if self.of_machine:
            return Sentence("Alert", "This computer has {left} of {limit} left ({share} used)").format(
                left=left, limit=limit, share=share
            )
        if self.model_id is not None:
            return Sentence("Alert", "{model} uses {used} of its limit of {limit} ({share})").format(
                model=Models((self.model_id,)), used=used, limit=limit, share=share
            )
        return Sentence("Alert", "The models use {used} of {limit} ({share})").format(
            used=used, limit=limit, share=share
        )

    def _growth(self) -> Sentence | None:
        if self.growth is None:
            return None
        name, grown = self.growth.name, Size(self.growth.grown_bytes)
        if name == self.model_id:
            return Sentence("Alert", "{size} more than {duration} ago").format(
                size=grown, duration=Duration(self.growth.seconds)
            )
        if not self.growth.seconds:
            return Sentence("Alert", "{name} grew by {size}").format(name=Models((name,)), size=grown)
        return Sentence("Alert", "{name} grew by {size} in {duration}").format(
            name=Models((name,)), size=grown, duration=Duration(self.growth.seconds)
        )

    def _end(self) -> Sentence | None:
        if self.seconds_to_limit is None or self.seconds_to_limit < _SOONEST_SECONDS:
            return None
        left = Duration(self.seconds_to_limit)
        if self.of_machine:
            return Sentence("Alert", "at this rate its memory is used up in {duration}").format(duration=left)
        return Sentence("Alert", "at this rate the limit is reached in {duration}").format(duration=left)

    def _advice(self) -> Sentence:
        if self.relief_model is not None:
            return Sentence("Alert", "unloading {model} gives {size} back").format(
                model=Models((self.relief_model,)), size=Size(self.relief_bytes)
            )
        if self.model_id is not None:
            return Sentence("Alert", "raise its limit or load it with a smaller context")
        if self.of_machine:
            gpu = Sentence("Alert", "close programs that use it, or place fewer layers there")
            return Sentence("Alert", "close other programs") if self.device is None else gpu
        return Sentence("Alert", "raise the limit or unload a model")
