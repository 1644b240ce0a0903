"""What was asked and answered in one chat, and what of it the model is told again with the next question."""

from __future__ import annotations

from dataclasses import dataclass, field

from llmmem_gui.ui.requests import AnswerEnd, ChatMessage


@dataclass(slots=True)
class Turn:
    """A question and what came of it."""

    question: str
    answer: str = ""
    end: AnswerEnd | None = None
    """None while the answer is being written."""


@dataclass(slots=True)
class Conversation:
    """The turns, oldest first."""

    turns: list[Turn] = field(default_factory=list)

    def begin(self, question: str) -> Turn:
        """Add a question whose answer is to come."""
        self.turns.append(Turn(question))
        return self.turns[-1]

    def messages(self, system: str) -> tuple[ChatMessage, ...]:
        """What is sent for the newest question.

        A question that got no word of an answer is left out with it: many templates want the roles in turn.
        """
        *past, newest = self.turns
        told = [ChatMessage("system", system)] if system.strip() else []
        for turn in past:
            if turn.answer.strip():
                told += [ChatMessage("user", turn.question), ChatMessage("assistant", turn.answer)]
        return (*told, ChatMessage("user", newest.question))
