"""`llmmem forecast --history` shows forecast and measurement side by side, with and without a program."""

from __future__ import annotations

from pathlib import Path

from tests.running_program import llmmem, running_program


def test_past_loads_are_compared_with_what_was_forecast(tmp_path: Path, smol_path: Path) -> None:
    """After a load that was used and unloaded, the error is told, and also after the program has ended."""
    home = tmp_path / "home"
    with running_program(home) as program:
        assert program.llmmem("ask", str(smol_path), "Say hello.", "--max-tokens", "8").code == 0
        (receipt,) = program.llmmem("unload", "--all", "--json").json
        (load,) = program.llmmem("forecast", receipt["id"], "--history", "--json").json
        assert load["filled_tokens"] > 20
        assert load["private_bytes"] >= receipt["private_before_bytes"]
        used = load["forecast_bytes"] - load["unused_bytes"]
        assert load["error_percent"] == 100 * (used - load["measured_bytes"]) / load["measured_bytes"]
        predicted = program.llmmem("forecast", receipt["id"]).out
        assert "(measured once)" in predicted
    alone = llmmem(home, "forecast", receipt["id"], "--history")
    assert (alone.code, alone.err) == (0, "")
    header, row = alone.out.splitlines()
    assert header.split() == ["TIME", "CONTEXT", "USED", "SOURCE", "FORECAST", "UNUSED", "MEASURED", "ERROR"]
    assert load["time"] in row


def test_the_largest_context_that_fits_really_fits(tmp_path: Path, smol_path: Path) -> None:
    """The forecast for the context that is proposed is not above the size it was asked for."""
    fitted = llmmem(tmp_path / "home", "forecast", str(smol_path), "--fit", "200MiB", "--json").json
    assert fitted["total_bytes"] <= 200 * 2**20
    assert fitted["source"] == "dry run"
    assert fitted["context"] % 256 == 0
