"""What stands under the name of a model that is not loaded."""

from __future__ import annotations

from dataclasses import replace

from llmmem_gui.core.snapshot import CacheSnapshot, ModelSnapshot, State
from llmmem_gui.core.units import GIB, MIB
from llmmem_gui.ui.figures import NO_BREAK
from llmmem_gui.ui.outlook import outlook, outlook_line
from llmmem_gui.ui.requests import Fit
from llmmem_gui.ui.theme import Theme
from tests.ui import facts


def line(model: ModelSnapshot, snapshot: CacheSnapshot, fit: Fit | None = None) -> str:
    """The line under the model's name."""
    view = outlook(model, snapshot, fit)
    assert view is not None
    return outlook_line(view, snapshot).replace(NO_BREAK, " ")


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
    assert line(SMALL, shot) == "fits after putting smollm2-135m-instruct to sleep"


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


def test_loaded_and_bad_models_have_no_outlook(theme: Theme) -> None:
    """A loaded model, one whose file is bad, and one whose need is not known have no outlook."""
    shot = facts.usual_snapshot()
    bad = facts.model("bad", need=(1, 1), file_error="It is not a GGUF file.")
    assert outlook(facts.SMOL, shot) is None
    assert outlook(bad, shot) is None
    assert outlook(facts.model("unknown"), shot) is None
    assert outlook(replace(SMALL, state=State.LOADING), shot) is None
