"""What stands under the name of a model that is not loaded."""

from __future__ import annotations

from dataclasses import replace

from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.core.snapshot import CacheSnapshot, ModelSnapshot, State
from llmmem_gui.core.units import GIB, MIB
from llmmem_gui.ui.figures import NO_BREAK
from llmmem_gui.ui.fits import Fits
from llmmem_gui.ui.outlook import outlook_line
from llmmem_gui.ui.requests import FindFit, Fit
from llmmem_gui.ui.theme import Theme
from tests.ui import facts


def line(model: ModelSnapshot, snapshot: CacheSnapshot, fit: Fit | None = None) -> str:
    """The line under the model's name."""
    view = snapshot.outlook(model)
    assert view is not None
    return outlook_line(view, snapshot, fit).replace(NO_BREAK, " ")


SMALL = facts.model("small", need=(100 * MIB, 100 * MIB))


def test_it_fits_now(theme: Theme) -> None:
    """A model for which there is room fits now."""
    assert line(SMALL, facts.snapshot(facts.SMOL, SMALL)) == "fits now"


def test_it_fits_after_unloading(theme: Theme) -> None:
    """When an idle model must go, the line names it, how long it is idle and how fast it comes back."""
    shot = facts.snapshot(facts.SMOL, SMALL, limit=300 * MIB)
    assert line(SMALL, shot) == (
        "fits after unloading smollm2-135m-instruct (12 s idle, loads again in 0.3 s)"
    )


def test_it_fits_after_a_doze(theme: Theme) -> None:
    """When the weights of an idle model suffice, it is put to sleep instead of unloaded."""
    shot = facts.snapshot(facts.SMOL, SMALL, limit=400 * MIB)
    assert line(SMALL, shot) == "fits after letting smollm2-135m-instruct doze"


def test_it_waits_for_a_busy_model(theme: Theme) -> None:
    """When only a busy model is in the way, the line says that it is waited for."""
    shot = facts.snapshot(facts.QWEN, SMALL, limit=5200 * MIB)
    assert line(SMALL, shot) == "fits, waits for qwen2.5-7b-instruct to finish"


def test_it_does_not_fit(theme: Theme) -> None:
    """A model larger than the limit says what it needs and what the limit leaves."""
    shot = facts.usual_snapshot()
    assert line(facts.LARGE, shot) == "does not fit: needs 41.0 GiB, the limit leaves 8.00 GiB"


def test_the_computer_is_too_small(theme: Theme) -> None:
    """Without a limit it is the computer that has no room."""
    shot = facts.snapshot(facts.LARGE, limit=None, available=20 * GIB, reserve=2 * GIB)
    assert line(facts.LARGE, shot) == "does not fit: needs 41.0 GiB, this computer has 18.0 GiB to spare"


def test_a_smaller_context_fits(theme: Theme) -> None:
    """When a smaller context is known to fit, the line says which."""
    assert line(facts.LARGE, facts.usual_snapshot(), Fit(context=2048)) == "fits with context ≤ 2,048"


def test_a_pinned_model_is_in_the_way(theme: Theme) -> None:
    """A pinned model is never unloaded; the line names it."""
    pinned = replace(facts.SMOL, pinned=True, eviction_rank=None)
    shot = facts.snapshot(pinned, SMALL, limit=300 * MIB)
    assert line(SMALL, shot) == "does not fit beside pinned smollm2-135m-instruct"


def test_its_own_limit_is_too_low(theme: Theme) -> None:
    """A model whose forecast is above its own limit does not fit, however much room there is."""
    limited = replace(SMALL, limit_bytes=128 * MIB)
    assert line(limited, facts.snapshot(limited)) == "does not fit: needs 200 MiB, its limit is 128 MiB"


def test_what_fits_is_remembered_for_each_room(theme: Theme) -> None:
    """When the room comes and goes, what is said is what fits in the room that there is."""
    fits = Fits()
    answers = {1 * GIB: 8192, 512 * MIB: 2048}
    asked: list[FindFit] = []

    def answer(question: FindFit) -> None:
        asked.append(question)
        fits.take(question, Fit(context=answers[question.fits_bytes]))

    fits.requested.connect(answer)
    said = []
    for room in (512 * MIB, 1 * GIB, 512 * MIB):
        view = facts.snapshot(facts.LARGE, limit=room).outlook(facts.LARGE)
        assert view is not None
        fits.want(facts.LARGE, view)
        fit = fits.of(facts.LARGE, view)
        said.append(fit and fit.context)
    assert said == [2048, 8192, 2048]
    assert len(asked) == 2


def test_what_fits_is_found_for_the_parameters_that_do_not(theme: Theme) -> None:
    """After other parameters were chosen the answer to the old question is no answer."""
    fits = Fits()
    view = facts.snapshot(facts.LARGE, limit=GIB).outlook(facts.LARGE)
    fits.take(FindFit(facts.LARGE.id, facts.LARGE.parameters, GIB), Fit(context=8192))
    assert fits.of(facts.LARGE, view) == Fit(context=8192)
    assert fits.of(replace(facts.LARGE, parameters=LoadParameters(kv_type="q8_0")), view) is None


def test_loaded_and_bad_models_have_no_outlook(theme: Theme) -> None:
    """A loaded model, one whose file is bad, and one whose need is not known have no outlook."""
    shot = facts.usual_snapshot()
    bad = facts.model("bad", need=(1, 1), file_error="It is not a GGUF file.")
    for model in (facts.SMOL, bad, facts.model("unknown"), replace(SMALL, state=State.LOADING)):
        assert shot.outlook(model) is None
