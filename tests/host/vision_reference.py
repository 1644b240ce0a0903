"""Answers to a prompt with an image as libmtmd's own helper reads it: a program for tests.

Arguments: model, projector, text with `<__media__>` where the image is, file of the image, number of tokens.
Prints a list of [token, its log probability, and that of the token most likely after it], as JSON.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys

import numpy

if __name__ == "__main__":
    from llama_cpp import llama_cpp as api

    from llmmem_gui.core.parameters import LoadParameters
    from llmmem_gui.host import engine
    from llmmem_gui.host.context import context_parameters
    from llmmem_gui.host.model import Model, model_parameters

    engine.start()
    os.environ["MTMD_CPP_LIB"] = str(engine.FOLDER) if engine.FOLDER else os.environ.get("MTMD_CPP_LIB", "")
    if not os.environ["MTMD_CPP_LIB"]:
        del os.environ["MTMD_CPP_LIB"]
    from llama_cpp import mtmd_cpp as mtmd

    model_path, projector, text, image, count = sys.argv[1:]
    log = engine.EngineLog()
    model = Model(model_path.encode(), model_parameters(0, True), log)
    context = api.llama_init_from_model(
        model.handle, context_parameters(model, LoadParameters(context=1024), threads=1)
    )
    parameters = mtmd.mtmd_context_params_default()
    parameters.use_gpu = False
    eyes = mtmd.mtmd_init_from_file(projector.encode(), model.handle, parameters)
    bitmap = mtmd.mtmd_helper_bitmap_init_from_file(eyes, image.encode(), False)
    given = mtmd.mtmd_input_text(text.encode(), len(text.encode()), True, True)
    chunks = mtmd.mtmd_input_chunks_init()
    assert mtmd.mtmd_tokenize(eyes, chunks, ctypes.byref(given), (ctypes.c_void_p * 1)(bitmap), 1) == 0
    place = ctypes.c_int32(0)
    assert mtmd.mtmd_helper_eval_chunks(eyes, context, chunks, 0, 0, 512, True, ctypes.byref(place)) == 0
    batch = api.llama_batch_init(1, 0, 1)
    answer = []
    for _ in range(int(count)):
        row = numpy.ctypeslib.as_array(
            api.llama_get_logits_ith(context, -1), shape=(model.vocabulary_size,)
        ).astype(numpy.float64)
        row -= row.max() + numpy.log(numpy.exp(row - row.max()).sum())
        token = int(row.argmax())
        answer.append([token, float(row[token]), float(numpy.sort(row)[-2])])
        batch.n_tokens, batch.token[0], batch.pos[0] = 1, token, place.value
        batch.n_seq_id[0], batch.seq_id[0][0], batch.logits[0] = 1, 0, 1
        assert api.llama_decode(context, batch) == 0
        place.value += 1
    sys.stdout.write(json.dumps(answer))
    sys.stdout.flush()
    os._exit(0)
