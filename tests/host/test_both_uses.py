"""Text and embeddings of one model in one host: a second context, made when it is first needed."""

from __future__ import annotations

import asyncio
import base64
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy
import numpy.typing
import pytest

from llmmem_gui.core.parameters import LoadParameters, of_second_use
from llmmem_gui.core.protocol import Answered
from llmmem_gui.service.hosting.hosts import AskFailedError, Host, HostEndedError, HostStarter
from tests.made_up_models import Recipe, write_model
from tests.running_hosts import complete, loaded_host, text_of

RECIPE = Recipe(vocabulary=2_000, layers=2, embedding=64, feed_forward=128, heads=2, kv_heads=1, head_size=32)
TEXT = LoadParameters(context=1024)
ADDED_BYTES = 256 * 2**20
SENTENCES = ["the of and", "to in", "the of and " * 10, "in"]

Vectors = numpy.typing.NDArray[numpy.single]


def vectors_of(answered: Answered) -> Vectors:
    """The vectors of a whole answer, in their order."""
    assert answered.payload is not None
    data = answered.payload["data"]
    assert [entry["index"] for entry in data] == list(range(len(data)))
    return numpy.array([numpy.frombuffer(base64.b64decode(each["embedding"]), "<f4") for each in data])


async def embedded(host: Host, texts: object, **arguments: object) -> Vectors:
    """The vectors of texts, those that came in pieces and the last ones."""
    answer = host.ask("embedding", {"input": texts, **arguments})
    parts = [entry async for chunk in answer for entry in chunk["data"]]
    answered = await answer.finished()
    assert answered.payload is not None
    whole = {**answered.payload, "data": parts + answered.payload["data"]}
    return vectors_of(msgspec.structs.replace(answered, payload=whole))


def allow_embeddings(host: Host, longest_text: int = 0, loaded: LoadParameters = TEXT) -> None:
    """Let a host that is loaded for text give embeddings of texts so long."""
    host.grow(of_second_use(loaded, longest_text), ADDED_BYTES)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("both") / "model.gguf", RECIPE)


async def alone(starter: HostStarter, path: Path, texts: list[str]) -> Vectors:
    """What the model gives when it is loaded for embeddings and nothing else."""
    host = await loaded_host(starter, path, LoadParameters(context=1024, embeddings=True))
    return await embedded(host, texts)


@pytest.mark.parametrize("architecture", ["llama", "gemma2", "mamba", "falcon-h1"])
async def test_a_second_context_gives_the_same_vectors_and_answers(
    starter: HostStarter, tmp_path: Path, architecture: str
) -> None:
    """Embeddings beside text are those of a load of their own, and answers are what they are without."""
    recipe = Recipe(vocabulary=2_000, layers=2, architecture=architecture)
    path = write_model(
        tmp_path / "model.gguf", recipe.but(sliding_window=64 if architecture == "gemma2" else 0)
    )
    host = await loaded_host(starter, path, TEXT)
    prompt = "the of and to in " * 8
    expected = await complete(host, prompt, max_tokens=24)
    allow_embeddings(host, 4096)
    texts = [*SENTENCES, "the of " * 60]
    answer = host.ask("completion", {"prompt": prompt, "temperature": 0.0, "max_tokens": 24})
    vectors, answered = await asyncio.gather(embedded(host, texts), answer.finished())
    assert text_of(answered) == expected
    assert await complete(host, prompt, max_tokens=24) == expected
    likeness = numpy.sum(vectors * await alone(starter, path, texts), axis=1)
    assert likeness.min() > 0.9999
    assert numpy.abs(numpy.sum(vectors * vectors, axis=1) - 1).max() < 1e-5
    assert vectors[0] @ vectors[1] < 0.9999


async def test_real_models_answer_and_embed_at_once_as_they_do_alone(
    starter: HostStarter, smol_path: Path, gemma_path: Path
) -> None:
    """One that looks at everything and one with a sliding window, whose vocabularies differ, too."""
    parameters = LoadParameters(context=512)
    texts = ["A cat sat on the mat.", "Interest rates rose in March."]
    for path in (smol_path, gemma_path):
        host = await loaded_host(starter, path, parameters)
        expected = await complete(host, "The capital of France is", max_tokens=8)
        allow_embeddings(host, 64, parameters)
        asked = {"prompt": "The capital of France is", "temperature": 0.0, "max_tokens": 8}
        answer = host.ask("completion", asked)
        vectors, answered = await asyncio.gather(embedded(host, texts), answer.finished())
        assert text_of(answered) == expected
        plain = await loaded_host(starter, path, LoadParameters(context=512, embeddings=True))
        assert numpy.sum(vectors * await embedded(plain, texts), axis=1).min() > 0.9999


async def test_a_model_loaded_for_embeddings_answers_in_a_second_context(
    starter: HostStarter, model: Path
) -> None:
    """The other way round: vectors stay the same, and text is what a load for text gives."""
    parameters = LoadParameters(context=1024, embeddings=True)
    host = await loaded_host(starter, model, parameters)
    before = await embedded(host, SENTENCES)
    with pytest.raises(AskFailedError, match="does not generate text"):
        await complete(host, "the of")
    host.grow(of_second_use(parameters, None), ADDED_BYTES)
    plain = await loaded_host(starter, model, TEXT)
    for prompt in ("the of and", "the of and to in"):
        assert await complete(host, prompt, max_tokens=12) == await complete(plain, prompt, max_tokens=12)
    assert (await embedded(host, SENTENCES) == before).all()


async def test_the_second_context_grows_with_the_text_up_to_the_context(
    starter: HostStarter, model: Path
) -> None:
    """A text of more tokens than the context so far is embedded once the host was told of it."""
    host = await loaded_host(starter, model, TEXT)
    allow_embeddings(host)
    first = await embedded(host, SENTENCES)
    long = "the of and " * 40
    with pytest.raises(AskFailedError, match="maximum context length is 512 tokens"):
        await embedded(host, long)
    allow_embeddings(host, 2 * len(long))
    longer = await embedded(host, [long, *SENTENCES])
    assert numpy.sum(longer[1:] * first, axis=1).min() > 0.9999
    assert numpy.sum(longer[0] * (await alone(starter, model, [long]))[0]) > 0.9999


async def test_a_text_beyond_the_context_is_refused_with_numbers_or_cut_when_asked(
    starter: HostStarter, model: Path
) -> None:
    """Nothing is computed for a request with one text that is too long; the numbers name its tokens."""
    host = await loaded_host(starter, model, LoadParameters(context=512, batch=64, embeddings=True))
    long = "the of and " * 500
    with pytest.raises(
        AskFailedError, match=r"maximum context length is 512 tokens and the prompt has \d{4}: "
    ) as error:
        await embedded(host, [*SENTENCES, long])
    assert (error.value.code, error.value.parameter) == ("context_length_exceeded", "input")
    assert error.value.numbers["n_ctx"] == 512
    cut = await embedded(host, [long, "the of and " * 600], truncate=True)
    assert cut[0] @ cut[1] > 0.9999


async def test_an_encoder_embeds_texts_as_long_as_its_context(starter: HostStarter, tmp_path: Path) -> None:
    """It looks both ways, so that a batch holds the whole text, however many short ones come with it."""
    path = write_model(tmp_path / "bert.gguf", RECIPE.but(architecture="bert", context=2048))
    host = await loaded_host(starter, path, LoadParameters(context=1024, batch=1024, embeddings=True))
    texts = ["the of", "the of and " * 250, "to in"]
    together = await embedded(host, texts)
    for text, vector in zip(texts, together, strict=True):
        assert (await embedded(host, text))[0] @ vector > 0.9999
    with pytest.raises(AskFailedError, match="maximum context length is 1024 tokens"):
        await embedded(host, "the of and " * 500)


async def test_two_thousand_texts_come_in_pieces_in_their_order(starter: HostStarter, model: Path) -> None:
    """As many as a request may have: all are answered, each with its own vector, and all tokens counted."""
    host = await loaded_host(starter, model, TEXT)
    allow_embeddings(host)
    texts = [SENTENCES[number % 2] for number in range(2048)]
    vectors = await embedded(host, texts)
    first, second = [(await embedded(host, text))[0] for text in SENTENCES[:2]]
    assert numpy.sum(vectors[::2] * first, axis=1).min() > 0.9999
    assert numpy.sum(vectors[1::2] * second, axis=1).min() > 0.9999
    counted = [
        (await host.ask("embedding", {"input": each}).finished()).prompt_tokens for each in SENTENCES[:2]
    ]
    assert (await host.ask("embedding", {"input": texts[:64]}).finished()).prompt_tokens == 32 * sum(counted)


async def test_vectors_that_no_message_holds_are_sent_in_pieces(starter: HostStarter, tmp_path: Path) -> None:
    """The work for a large answer is not thrown away at its end."""
    wide = RECIPE.but(embedding=2048, heads=16, head_size=128, layers=1, vocabulary=300)
    host = await loaded_host(starter, write_model(tmp_path / "wide.gguf", wide), TEXT)
    allow_embeddings(host)
    assert (await embedded(host, ["a"] * 1600)).shape == (1600, 2048)


async def test_a_cancelled_request_ends_between_two_texts_and_others_go_on(
    starter: HostStarter, model: Path
) -> None:
    """Whoever hangs up in the midst of many texts leaves the next request nothing but its own."""
    host = await loaded_host(starter, model, TEXT)
    allow_embeddings(host)
    expected = await embedded(host, SENTENCES)
    begun = asyncio.Event()
    many = host.ask("embedding", {"input": ["the of and " * 20] * 2048})
    many.on_reading = lambda read, _: begun.set() if read else None
    await begun.wait()
    many.cancel()
    assert (await many.finished()).cancelled
    assert numpy.sum(await embedded(host, SENTENCES) * expected, axis=1).min() > 0.9999


async def test_a_short_request_passes_a_long_one(starter: HostStarter, model: Path) -> None:
    """One text is not kept waiting by 2,048 of another request."""
    host = await loaded_host(starter, model, TEXT)
    allow_embeddings(host)
    begun = asyncio.Event()
    many = host.ask("embedding", {"input": ["the of and " * 20] * 2048})
    many.on_reading = lambda read, _: begun.set() if read else None
    await begun.wait()
    await embedded(host, "to in")
    assert host.busy
    many.cancel()
    assert (await many.finished()).cancelled


async def test_a_doze_gives_the_second_context_up_and_the_next_request_has_it_again(
    starter: HostStarter, model: Path
) -> None:
    """Asleep, the host holds no more than before it gave embeddings; awake, it gives them as before."""
    host = await loaded_host(starter, model, TEXT)
    await complete(host, "the of and", max_tokens=2)
    allow_embeddings(host, 4096)
    expected = await embedded(host, SENTENCES)
    held = _mapped_bytes(host.pid)
    await host.doze()
    assert _mapped_bytes(host.pid) < held - 2**20
    assert (await embedded(host, SENTENCES) == expected).all()


def _mapped_bytes(pid: int) -> int:
    """What `RLIMIT_DATA` counts of a process (proc(5))."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[5]) * 4096


async def test_a_context_that_cannot_be_had_fails_the_request_and_text_goes_on(
    starter: HostStarter, model: Path
) -> None:
    """Without room for it under the host's limit of memory, embeddings are refused and nothing else."""
    host = await loaded_host(starter, model, LoadParameters(context=1024), data_limit_bytes=40 * 2**20)
    expected = await complete(host, "the of and", max_tokens=8)
    host.grow(LoadParameters(context=2**20, embeddings=True), 0)
    with pytest.raises(AskFailedError):
        await embedded(host, "the of")
    assert await complete(host, "the of and", max_tokens=8) == expected


@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="RLIMIT_DATA counts all memory on Linux only"
)
def test_the_limit_of_a_host_is_raised_by_what_was_admitted_and_never_beyond_twice() -> None:
    """What a second context needs may be reserved once it was admitted; the first bound is not forgotten."""
    program = """
import mmap
from llmmem_gui.host import process
from llmmem_gui.host.process import limit_growth, raise_limit

process.STACK_BYTES = 0  # they depend on the number of cores

def can_have(mib):
    try:
        mmap.mmap(-1, mib * 2**20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).close()
    except OSError:
        return False
    return True

limit_growth(1024 * 2**20, may_double=True)
told = [can_have(512), can_have(1800)]
raise_limit(900 * 2**20)
told.append(can_have(1800))
raise_limit(2**40)
told.append(can_have(4096))
print(told)
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[True, False, True, False]"


async def test_a_host_that_is_killed_while_it_embeds_ends_that_request(
    starter: HostStarter, model: Path
) -> None:
    """No request waits for a host that is gone."""
    host = await loaded_host(starter, model, TEXT)
    allow_embeddings(host)
    begun = asyncio.Event()
    many = host.ask("embedding", {"input": ["the of and " * 20] * 2048})
    many.on_reading = lambda read, _: begun.set() if read else None
    await begun.wait()
    host.kill()
    with pytest.raises(HostEndedError):
        await many.finished()
