"""Conversations that leave the cache, or outlive their host: they go on without being read again."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from pathlib import Path

import pytest

from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.core.protocol import Answered, Conversations
from llmmem_gui.host.shelf import MAGIC
from llmmem_gui.service.hosting.hosts import Host, HostStarter
from tests.host.test_at_once import ALTERNATIVES
from tests.host.test_same_as_library import NEAR_TIE, STORY, Step, Steps, tie_that_parts
from tests.made_up_models import Recipe, write_model
from tests.running_hosts import is_running, text_of

MIB = 2**20
PARAMETERS = LoadParameters(context=512, batch=256)
FIRST, SECOND, THIRD = (
    f"{STORY[begin : begin + 1080]}. They counted: one, two, three, four," for begin in (0, 1100, 2200)
)
"""Three texts of some 370 tokens: the cache has room for one, and for a part of the next.

How they go on is beyond doubt. Where two tokens are nearly as likely, the time that steps take decides, and
the text of some answers is written with other tokens when it comes back.
"""


def texts(kind: str) -> list[str]:
    """Three texts of some 400 tokens; a made-up vocabulary has a token for each character."""
    return [FIRST, SECOND, THIRD] if kind in ("smol", "gemma") else [FIRST[:440], SECOND[:440], THIRD[:440]]


async def loaded(starter: HostStarter, path: Path, conversations: Conversations) -> Host:
    """A host that keeps conversations like this."""
    host = await starter.birth()
    await host.load(path, PARAMETERS, conversations=conversations)
    return host


async def go_on(host: Host, text: str, tokens: int = 4) -> Answered:
    """The likeliest continuation."""
    asked = {"prompt": text, "temperature": 0.0, "max_tokens": tokens, "logprobs": ALTERNATIVES}
    return await host.ask("completion", asked).finished()


def steps_of(answered: Answered) -> Steps:
    """The tokens of an answer, and what else was likely."""
    assert answered.payload is not None
    told = answered.payload["choices"][0]["logprobs"]
    return [Step(*each) for each in zip(told["tokens"], told["top_logprobs"], strict=True)]


def assert_as_good(one: Answered, other: Answered) -> None:
    """The same answer, or one where two tokens were nearly as likely: other batches round otherwise."""
    assert tie_that_parts(steps_of(one), steps_of(other)) < NEAR_TIE


def model_path(kind: str, known: dict[str, Path], folder: Path) -> Path:
    """A real model, or one made up."""
    if kind in known:
        return known[kind]
    return write_model(folder / f"{kind}.gguf", Recipe(architecture=kind, vocabulary=2048))


def made_up(folder: Path) -> Path:
    """A small model that reads 440 tokens in no time."""
    return model_path("qwen3", {}, folder)


@pytest.fixture
def known(smol_path: Path, gemma_path: Path) -> dict[str, Path]:
    """The published models."""
    return {"smol": smol_path, "gemma": gemma_path}


@pytest.mark.parametrize("kind", ["smol", "gemma", "mamba", "falcon-h1"])
async def test_what_the_cache_has_no_room_for_is_kept_in_memory(
    starter: HostStarter, known: dict[str, Path], tmp_path: Path, kind: str
) -> None:
    """Conversations in turn that do not fit together: each goes on where it was, with the same answer."""
    path = model_path(kind, known, tmp_path)
    host = await loaded(starter, path, Conversations(256 * MIB))
    forgetful = await loaded(starter, path, Conversations(0))
    said = {}
    for text in texts(kind):
        answered = await go_on(host, text)
        said[text] = text + text_of(answered)
        assert answered.cached_tokens <= 1
        assert_as_good(answered, await go_on(forgetful, text))
    for text in texts(kind):
        answered = await go_on(host, said[text] + " And")
        assert answered.prompt_tokens - answered.cached_tokens < 40
        assert_as_good(answered, await go_on(forgetful, said[text] + " And"))


@pytest.mark.parametrize("kind", ["smol", "gemma", "mamba", "falcon-h1"])
async def test_conversations_outlive_their_host(
    starter: HostStarter, known: dict[str, Path], tmp_path: Path, kind: str
) -> None:
    """What a host wrote down when it was stopped goes on in the next: only what is new is read."""
    path = model_path(kind, known, tmp_path)
    file = tmp_path / "conversations"
    file.touch(0o600)
    host = await loaded(
        starter, path, Conversations(256 * MIB, None, os.fsencode(file), file_bytes=256 * MIB)
    )
    said = {text: text + text_of(await go_on(host, text)) for text in texts(kind)[:2]}
    assert (await host.stop()).expected
    assert host.has_kept
    assert file.stat().st_mode & 0o777 == 0o600

    later = await loaded(starter, path, Conversations(256 * MIB, os.fsencode(file)))
    forgetful = await loaded(starter, path, Conversations(0))
    for text in said:
        answered = await go_on(later, said[text] + " And")
        assert answered.prompt_tokens - answered.cached_tokens < 40
        assert_as_good(answered, await go_on(forgetful, said[text] + " And"))
    # And what was never said before is read as ever.
    assert (await go_on(later, texts(kind)[2])).cached_tokens <= 1


async def test_a_file_that_is_damaged_is_not_used(starter: HostStarter, tmp_path: Path) -> None:
    """Cut off, changed, of another kind, empty: the model is loaded, and the conversation is read anew."""
    path, text = made_up(tmp_path), FIRST[:440]
    file = tmp_path / "conversations"
    file.touch()
    host = await loaded(starter, path, Conversations(64 * MIB, None, os.fsencode(file), file_bytes=64 * MIB))
    right = text_of(await go_on(host, text))
    await host.stop()
    whole = file.read_bytes()
    assert whole.startswith(MAGIC)
    middle = len(whole) // 2
    for damaged in (
        b"",
        MAGIC,
        whole[:middle],
        whole[:-1],
        whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
        b"X" + whole[1:],
        MAGIC + b"\xff" * 64,
    ):
        file.write_bytes(damaged)
        later = await loaded(starter, path, Conversations(64 * MIB, os.fsencode(file)))
        answered = await go_on(later, text + " And")
        assert answered.cached_tokens <= 1
        assert text_of(await go_on(later, text)) == right
        await later.stop()


async def test_a_host_that_is_killed_while_it_writes_leaves_nothing_that_counts(
    starter: HostStarter, tmp_path: Path
) -> None:
    """SIGKILL at twenty moments around the end: the file is whole, or nobody said that it is."""
    path, text = made_up(tmp_path), FIRST[:440]
    outcomes = set()
    for moment in range(20):
        file = tmp_path / f"conversations-{moment}"
        file.touch()
        kept = Conversations(64 * MIB, None, os.fsencode(file), file_bytes=64 * MIB)
        host = await loaded(starter, path, kept)
        await go_on(host, text, tokens=1)
        if moment == 0:
            os.kill(host.pid, signal.SIGKILL)  # before it is asked: of the others some may be done in time
        stopping = asyncio.ensure_future(host.stop())
        await asyncio.sleep(moment * 0.003)
        if is_running(host.pid):
            os.kill(host.pid, signal.SIGKILL)
        await stopping
        outcomes.add(host.has_kept)
        later = await loaded(starter, path, Conversations(64 * MIB, os.fsencode(file)))
        answered = await go_on(later, text + " And")
        assert answered.cached_tokens > 300 or not host.has_kept
        await later.stop()
    assert False in outcomes


async def test_no_more_is_kept_than_is_allowed(starter: HostStarter, smol_path: Path, tmp_path: Path) -> None:
    """With room for one conversation of 370 tokens (8 MiB) the one used last is kept, in memory and file."""
    file = tmp_path / "conversations"
    file.touch()
    host = await loaded(
        starter, smol_path, Conversations(12 * MIB, None, os.fsencode(file), file_bytes=12 * MIB)
    )
    for text in (FIRST, SECOND, THIRD):
        await go_on(host, text)
    # In the cache lies the third; on the shelf, the second.
    assert (await go_on(host, SECOND + " And")).cached_tokens > 300
    assert (await go_on(host, FIRST + " And")).cached_tokens <= 1
    await host.stop()
    assert 6 * MIB < file.stat().st_size < 13 * MIB
    later = await loaded(starter, smol_path, Conversations(12 * MIB, os.fsencode(file)))
    assert (await go_on(later, FIRST + " And")).cached_tokens > 300


async def test_a_host_can_write_no_more_than_it_may_keep(starter: HostStarter, tmp_path: Path) -> None:
    """The system bounds its files: what has taken over a host cannot fill the disk."""
    path, file = made_up(tmp_path), tmp_path / "conversations"
    file.touch()
    writing = await loaded(starter, path, Conversations(MIB, None, os.fsencode(file), file_bytes=3 * MIB))
    keeping_nothing = await loaded(starter, path, Conversations(MIB))
    for host, most in ((writing, 4 * MIB), (keeping_nothing, MIB)):
        limits = Path(f"/proc/{host.pid}/limits").read_text()
        assert re.search(rf"^Max file size +{most} +{most} ", limits, re.MULTILINE)


async def test_a_doze_gives_back_what_the_cache_has_no_room_for(
    starter: HostStarter, smol_path: Path
) -> None:
    """Memory is short: what is only kept to save time goes."""
    host = await loaded(starter, smol_path, Conversations(256 * MIB))
    for text in (FIRST, SECOND):
        await go_on(host, text)
    await host.doze()
    assert (await go_on(host, FIRST + " And")).cached_tokens <= 1
