"""Models that see: made-up pairs of a model and a projector, in real hosts."""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from llmmem_gui.core.engines import EngineUse
from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.core.protocol import Answered, Conversations
from llmmem_gui.service.hosting.host_process import host_environment
from llmmem_gui.service.hosting.hosts import AskFailedError, Host, HostStarter
from tests import made_up_images as images
from tests.made_up_models import Recipe, write_model
from tests.made_up_projectors import ProjectorRecipe, write_projector

PARAMETERS = LoadParameters(context=1024)
_PLAIN = "{% for message in messages %}{{ message.content }}{% endfor %}"
_EXACT = {"vocabulary": 2000, "type": "f16", "embedding_type": "f16", "chat_template": _PLAIN}
"""Products of quantised weights depend on how many tokens are computed at once."""
_OF_IDEFICS = ("\n\n", "<fake_token_around_image>", "<global-img>")
RECIPES = {
    "gemma3": (Recipe("gemma3", **_EXACT), ProjectorRecipe("gemma3")),
    "idefics3": (Recipe("llama", **_EXACT, named_tokens=_OF_IDEFICS), ProjectorRecipe()),
    "qwen2vl_merger": (
        Recipe("qwen2vl", **_EXACT, extra={"rope.dimension_sections": [8, 12, 12, 0]}),
        ProjectorRecipe("qwen2vl_merger"),
    ),
}
"""An image in one piece that looks both ways; several tiles; positions in two dimensions."""
_BEFORE, _AFTER = "Look here:", "What is it, and how many?"


class Pair(NamedTuple):
    """A model and its projector."""

    model: Path
    projector: Path


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Pair]:
    """A pair of each kind."""
    folder = tmp_path_factory.mktemp("pairs")
    return {
        kind: Pair(
            write_model(folder / f"{kind}.gguf", model),
            write_projector(folder / f"mmproj-{kind}.gguf", projector),
        )
        for kind, (model, projector) in RECIPES.items()
    }


async def seeing(
    starter: HostStarter, pair: Pair, parameters: LoadParameters = PARAMETERS, **more: Any
) -> Host:
    """A host that sees."""
    host = await starter.birth()
    assert (await host.load(pair.model, parameters, projector=pair.projector, **more)).sees
    return host


def message(*shown: bytes, after: str = _AFTER) -> list[dict[str, Any]]:
    """A chat that shows images."""
    parts = [images.part(image) for image in shown]
    return [
        {
            "role": "user",
            "content": [{"type": "text", "text": _BEFORE}, *parts, {"type": "text", "text": after}],
        }
    ]


async def ask(host: Host, *shown: bytes, tokens: int = 4, after: str = _AFTER, **more: Any) -> Answered:
    """An answer without chance, with the probabilities of its tokens."""
    asked = {"messages": message(*shown, after=after), "max_tokens": tokens, "temperature": 0.0}
    return await host.ask("chat", {**asked, "logprobs": True, "top_logprobs": 2, **more}).finished()


def told(answered: Answered) -> list[tuple[float, float]]:
    """The log probabilities of the tokens of an answer, and of the second best."""
    assert answered.payload is not None
    content = answered.payload["choices"][0]["logprobs"]["content"]
    return [(each["logprob"], each["top_logprobs"][1]["logprob"]) for each in content]


def by_helper(starter: HostStarter, pair: Pair, image: Path, tokens: int = 4) -> list[tuple[float, float]]:
    """The same of libmtmd's own helper."""
    program = Path(__file__).with_name("vision_reference.py")
    text = f"{_BEFORE}<__media__>{_AFTER}"
    ran = subprocess.run(
        [sys.executable, program, pair.model, pair.projector, text, image, str(tokens)],
        env={**host_environment(starter.choice.current), "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    return [(best, second) for _, best, second in json.loads(ran.stdout)]


@pytest.mark.parametrize("kind", RECIPES)
async def test_an_image_is_read_as_by_llama_cpp(
    starter: HostStarter, pairs: dict[str, Pair], tmp_path: Path, kind: str
) -> None:
    """Probabilities are those that libmtmd's helper comes to, alone and among others, read anew and again."""
    file = tmp_path / "image.png"
    file.write_bytes(images.png())
    expected = by_helper(starter, pairs[kind], file)
    host = await seeing(starter, pairs[kind])
    first = await ask(host, images.png())
    again = await ask(host, images.png())
    several = await asyncio.gather(*(ask(host, images.png(seed=seed)) for seed in (2, 1, 3, 4)))
    for answered in (first, again, several[1]):
        assert told(answered) == [pytest.approx(each, abs=2e-3) for each in expected]
    assert first.cached_tokens == 0
    assert again.cached_tokens > first.prompt_tokens - 40
    different = [told(each)[0] for each in (first, several[0], several[2], several[3])]
    assert len({round(best, 5) for best, _ in different}) == 4


async def test_a_conversation_goes_on_behind_its_images(starter: HostStarter, pairs: dict[str, Pair]) -> None:
    """What a second turn repeats is not read again, images included; another image in their place is."""
    for kind in RECIPES:
        host = await seeing(starter, pairs[kind])
        both = [images.png(seed=1), images.png(seed=2)]
        first = await ask(host, *both)
        longer = await ask(host, *both, after=f"{_AFTER} And then?")
        other = await ask(host, both[0], images.png(seed=3))
        assert longer.cached_tokens >= first.prompt_tokens - 40
        assert 0 < other.cached_tokens < first.prompt_tokens - RECIPES[kind][1].tokens
        assert told(other) != told(first)
        assert told(await ask(host, *both)) == [pytest.approx(each, abs=2e-3) for each in told(first)]
        await host.stop()


async def test_conversations_with_images_are_kept_over_loads(
    starter: HostStarter, pairs: dict[str, Pair], tmp_path: Path
) -> None:
    """The next load goes on with the same image, and takes no other for it."""
    for kind in RECIPES:
        kept = tmp_path / f"{kind}.kept"
        kept.touch()
        writes = Conversations(2**26, None, os.fsencode(kept), 2**26)
        host = await seeing(starter, pairs[kind], conversations=writes)
        first = await ask(host, images.png())
        await host.stop()
        assert host.has_kept
        host = await seeing(starter, pairs[kind], conversations=Conversations(2**26, os.fsencode(kept)))
        other = await ask(host, images.png(seed=2))
        again = await ask(host, images.png())
        assert other.cached_tokens < first.prompt_tokens // 2
        assert again.cached_tokens > first.prompt_tokens - 40
        assert told(again) == [pytest.approx(each, abs=2e-3) for each in told(first)]
        await host.stop()


async def test_a_cancelled_image_is_forgotten(starter: HostStarter, pairs: dict[str, Pair]) -> None:
    """A request that leaves while its image is computed ends, and others are answered as before."""
    host = await seeing(starter, pairs["gemma3"])
    expected = told(await ask(host, images.png(seed=8)))
    reading = asyncio.Event()
    leaving = host.ask("chat", {"messages": message(images.png(seed=9)), "max_tokens": 200})
    leaving.on_reading = lambda *_: reading.set()
    staying = asyncio.ensure_future(ask(host, images.png(seed=8), images.png(seed=10)))
    await reading.wait()
    leaving.cancel()
    assert (await leaving.finished()).cancelled
    assert (await staying).completion_tokens == 4
    assert told(await ask(host, images.png(seed=8))) == [pytest.approx(each, abs=2e-3) for each in expected]


_BAD: dict[str, tuple[bytes, str]] = {
    "no image": (b"hello", "image 1 is no PNG, JPEG, GIF or BMP"),
    "webp": (b"RIFF\0\0\0\0WEBPVP8 ", "image 1 is no PNG, JPEG, GIF or BMP"),
    "cut off": (images.png()[:400], "image 1 is damaged"),
    "header alone": (images.png()[:12], "image 1 is damaged"),
    "empty": (images.png_of(50, 50, b""), "image 1 is damaged"),
    "nothing wide": (images.png_of(0, 50, b""), "image 1 has 0 × 50 pixels, and 16777216 are allowed"),
    "a bomb": (images.png_of(60_000, 60_000, b"x"), "image 1 has 60000 × 60000 pixels"),
    "too large": (images.png() + bytes(2**23), "image 1 has 8.01 MiB"),
}


async def test_bad_images_are_refused_and_the_host_lives(
    starter: HostStarter, pairs: dict[str, Pair]
) -> None:
    """Each is told what is wrong with which image; then a good one is answered."""
    host = await seeing(starter, pairs["idefics3"])
    for name, (content, reason) in _BAD.items():
        with pytest.raises(AskFailedError) as refused:
            await ask(host, content)
        assert str(refused.value).startswith(reason), name
    for parts, reason in (
        ([{"type": "image", "data": "%%%"}], "image 1 is not written in base64"),
        ([{"type": "image"}], "image 1 is not written in base64"),
        ([images.part(images.png(8, 8))] * 17, "a request may show 16 images"),
        ([images.part(images.png(8, 8)), {"type": "sound"}], "the model reads text and images only"),
    ):
        with pytest.raises(AskFailedError, match=f"^{reason}$"):
            await host.ask("chat", {"messages": [{"role": "user", "content": parts}]}).finished()
    assert (await ask(host, images.png())).completion_tokens == 4


async def test_no_damaged_image_ends_a_host(starter: HostStarter, pairs: dict[str, Pair]) -> None:
    """Some hundred files with bytes changed, added and taken away: decoded or refused, never the end."""
    host = await seeing(starter, pairs["idefics3"], LoadParameters(context=256))
    chance = random.Random(7)
    whole = [images.png(), images.bmp(), images.gif(), images.jpeg()]
    outcomes = set()
    for number in range(400):
        content = bytearray(whole[number % len(whole)])
        for _ in range(chance.choice((1, 3, 20))):
            place = chance.randrange(len(content))
            content[place : place + chance.randrange(3)] = chance.randbytes(chance.randrange(3))
        # A prompt that is too long: the image is decoded, and nothing is computed.
        with pytest.raises(AskFailedError) as refused:
            await ask(host, bytes(content), after="eta oin " * 300)
        outcomes.add(str(refused.value)[:12])
    assert {"image 1 is d", "this model's"} <= outcomes
    assert (await ask(host, images.png(20, 20), after=".")).completion_tokens == 4


async def test_a_limit_that_an_image_does_not_fit_into_is_told(
    starter: HostStarter, pairs: dict[str, Pair]
) -> None:
    """The host would die of it otherwise."""
    host = await seeing(starter, pairs["idefics3"], data_limit_bytes=260 * 2**20)
    with pytest.raises(AskFailedError, match=r"^the model's memory limit leaves no room for image 1$"):
        await ask(host, images.png_of(4000, 4000, b""))
    assert (await ask(host, images.png())).completion_tokens == 4


async def test_a_model_without_eyes_says_why(
    starter: HostStarter, pairs: dict[str, Pair], tmp_path: Path
) -> None:
    """Without a projector, with vision turned off, and with a file that is none: text is answered."""
    pair = pairs["idefics3"]
    cut = tmp_path / "mmproj-cut.gguf"
    cut.write_bytes(pair.projector.read_bytes()[:3000])
    for projector, parameters, reason in (
        (None, PARAMETERS, "it was loaded without a projector"),
        (pair.projector, LoadParameters(context=1024, vision=False), "it was loaded with vision turned off"),
        (tmp_path / "none.gguf", PARAMETERS, "the file does not exist"),
        (pairs["gemma3"].model, PARAMETERS, ""),
        (cut, PARAMETERS, ""),
    ):
        host = await starter.birth()
        loaded = await host.load(pair.model, parameters, projector=projector)
        assert not loaded.sees
        with pytest.raises(AskFailedError, match=f"^the model cannot see images: .*{reason}"):
            await ask(host, images.png())
        assert (await ask(host)).completion_tokens == 4
        await host.stop()


async def test_an_image_in_one_piece_needs_a_batch_for_it(
    starter: HostStarter, pairs: dict[str, Pair]
) -> None:
    """An image that looks both ways cannot be cut into batches; one that is read as text is read can."""
    small = LoadParameters(context=1024, batch=3)
    host = await seeing(starter, pairs["gemma3"], small)
    with pytest.raises(AskFailedError, match=r"^an image takes 4 tokens here.*load it with a larger batch$"):
        await ask(host, images.png())
    expected = told(await ask(await seeing(starter, pairs["qwen2vl_merger"]), images.png()))
    host = await seeing(starter, pairs["qwen2vl_merger"], small)
    assert told(await ask(host, images.png())) == [pytest.approx(each, abs=2e-3) for each in expected]


_OPENS = "from llmmem_gui.host import mtmd; mtmd.library(); print('opened')"
_WITHOUT_A_FIELD = f"""
import ctypes
from llama_cpp import mtmd_cpp
kind = mtmd_cpp.mtmd_context_params
fields = [each for each in kind._fields_ if each[0] != "progress_callback"]
mtmd_cpp.mtmd_context_params = type(kind.__name__, (ctypes.Structure,), {{"_fields_": fields}})
{_OPENS}
"""


def test_a_library_that_does_not_fit_is_told(starter: HostStarter, tmp_path: Path) -> None:
    """An engine without libmtmd, and one whose structure has another size, give no vision and a reason."""
    use = starter.choice.current
    assert use is not None
    bare = tmp_path / "engine"
    shutil.copytree(use.folder, bare, symlinks=True, ignore=shutil.ignore_patterns("libmtmd*"))
    without = replace(use, folder=str(bare))

    def ran(engine: EngineUse, code: str) -> str:
        own = {"PYTHONPATH": str(Path(__file__).parents[2]), "MTMD_CPP_LIB": engine.folder}
        environment = {**host_environment(engine), **own}
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
        )
        return done.stdout + done.stderr

    assert "opened" in ran(use, _OPENS)
    assert "the engine has no library for images, or another one" in ran(without, _OPENS)
    assert "the engine's library for images has a mtmd_context_params of about" in ran(use, _WITHOUT_A_FIELD)
