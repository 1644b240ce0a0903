"""Answers a request for a forecast, for the HTTP API and for a command line without a running program."""

from __future__ import annotations

import msgspec

from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.core.sentence import Models, Sentence, Size
from llmmem_gui.service.command_error import CommandError
from llmmem_gui.service.http.control_entries import forecast_entry, parameters_asked
from llmmem_gui.service.http.control_records import ForecastEntry, ForecastRequest
from llmmem_gui.service.memory_service import MemoryService


async def answer_forecast(service: MemoryService, model_id: str, asked: ForecastRequest) -> ForecastEntry:
    """What loading a model of the library is predicted to need, with what is left out as its settings say.

    Raises `CommandError`, also when no context fits into the bytes asked for.
    """
    parameters = _parameters(service, model_id, asked)
    if asked.fit_bytes is not None:
        context = await service.catalogue.largest_context(model_id, asked.fit_bytes, parameters)
        if context is None:
            sentence = Sentence("Command", "{model} does not fit into {room} with any context.")
            raise CommandError(
                "refused", sentence.format(model=Models((model_id,)), room=Size(asked.fit_bytes)), model_id
            )
        parameters = msgspec.structs.replace(parameters, context=context)
    return forecast_entry(model_id, await service.forecast(model_id, parameters))


def _parameters(service: MemoryService, model_id: str, asked: ForecastRequest) -> LoadParameters:
    model = service.snapshot.model(model_id)
    if model is None:
        sentence = Sentence("Command", "There is no model {model}: `llmmem scan` lists them.")
        raise CommandError("unknown model", sentence.format(model=repr(model_id)))
    return parameters_asked(model.parameters, asked)
