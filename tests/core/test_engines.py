"""Which engine is used, and in which way, by what trying them has shown."""

from __future__ import annotations

from llmmem_gui.core.engines import (
    EngineManifest,
    EngineReport,
    InstalledEngine,
    Source,
    Trial,
    choose,
)
from llmmem_gui.core.sentence import Sentence

CRASHED = Sentence("Engine", "crashed ({signal})").format(signal="SIGILL")


def engine(name: str, source: Source, *trials: Trial, tried: bool = True) -> InstalledEngine:
    """An engine of which these trials are known."""
    report = EngineReport("", None, (), trials) if tried else None
    return InstalledEngine(f"/{name}", EngineManifest(name, "1", source), report)


def chosen(*engines: InstalledEngine, preferred: str = "") -> list[tuple[str, bool]]:
    """The ways to compute, in the order in which they are tried."""
    return [(way.name, way.extra_buffers) for way in choose(engines, preferred)]


RIGHT = (Trial("CPU", False), Trial("CPU", True))


def test_the_prebuilt_engine_is_used_until_a_person_chooses() -> None:
    """Prebuilt before installed before compiled; a preference puts one first, the others stay behind it."""
    engines = (
        engine("native", "compiled", *RIGHT),
        engine("portable", "prebuilt", *RIGHT),
        engine("installed", "installed", *RIGHT),
    )
    names = [name for name, extra in chosen(*engines) if extra]
    assert names == ["portable", "installed", "native"]
    assert chosen(*engines, preferred="native")[0] == ("native", True)
    assert len(chosen(*engines, preferred="gone")) == 6


def test_what_failed_is_not_used() -> None:
    """Extra buffers that crash leave the plain way; a plain way that is wrong leaves nothing."""
    assert chosen(engine("a", "prebuilt", Trial("CPU", False), Trial("CPU", True, CRASHED))) == [("a", False)]
    assert chosen(engine("a", "prebuilt", Trial("CPU", False, CRASHED), Trial("CPU", True))) == []
    refused = InstalledEngine("/a", EngineManifest("a", "1", "prebuilt"), EngineReport("", CRASHED))
    assert chosen(refused) == []


def test_an_engine_that_was_not_tried_may_be_used_in_both_ways() -> None:
    """Nothing is known against it."""
    assert chosen(engine("a", "prebuilt", tried=False)) == [("a", True), ("a", False)]


def measured(plain: float, extra: float) -> InstalledEngine:
    """An engine that answers so many tokens a second plainly and with extra buffers."""
    return engine(
        "a",
        "prebuilt",
        Trial("CPU", False, None, 10 * plain, plain),
        Trial("CPU", True, None, 10 * extra, extra),
    )


def test_extra_buffers_that_slow_an_engine_down_are_second() -> None:
    """Only a clear difference counts: speeds are measured beside other work."""
    assert chosen(measured(plain=20, extra=20))[0] == ("a", True)
    assert chosen(measured(plain=28, extra=20))[0] == ("a", True)
    assert chosen(measured(plain=40, extra=20))[0] == ("a", False)
    assert measured(plain=40, extra=20).answer_rate == 40
    assert measured(plain=28, extra=20).answer_rate == 20


def test_a_failure_in_use_takes_the_way_out() -> None:
    """The report without it is what is kept."""
    report = EngineReport("", None, (), RIGHT).without("CPU", True, CRASHED)
    assert chosen(InstalledEngine("/a", EngineManifest("a", "1", "prebuilt"), report)) == [("a", False)]
