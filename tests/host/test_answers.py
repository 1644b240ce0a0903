"""What a host answers, with real models."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path

import numpy
import pytest

from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.service.hosting.hosts import AskFailedError, HostStarter
from llmmem_gui.service.library.page_cache import warmth_of
from tests.made_up_models import Recipe, write_model
from tests.page_cache import evict
from tests.running_hosts import SMALL, complete, loaded_host, text_of

SMALL_RECIPE = Recipe(
    layers=4, embedding=64, feed_forward=64, heads=2, kv_heads=1, head_size=32, vocabulary=400
)
HELLO = [{"role": "user", "content": "Say hello."}]


async def test_a_streamed_chat_says_the_same_as_a_whole_one(starter: HostStarter, smol_path: Path) -> None:
    """At temperature 0 the chunks together are the message, and both count the same tokens."""
    host = await loaded_host(starter, smol_path)
    arguments = {"messages": HELLO, "max_tokens": 24, "temperature": 0.0}

    whole = await host.ask("chat", arguments).finished()
    stream = host.ask("chat", {**arguments, "stream": True})
    parts = [chunk["choices"][0]["delta"].get("content", "") async for chunk in stream]
    streamed = await stream.finished()

    assert len(parts) > 5
    assert "".join(parts) == text_of(whole) != ""
    assert streamed.payload is None
    assert whole.payload is not None
    usage = whole.payload["usage"]
    for answered in (whole, streamed):
        assert answered.prompt_tokens == usage["prompt_tokens"]
        # The token that ends the answer is not counted.
        assert answered.completion_tokens == usage["completion_tokens"]
        assert answered.first_token_seconds is not None
        assert 0 < answered.first_token_seconds <= answered.seconds
        assert not answered.cancelled
        assert answered.notice is None


async def test_requests_are_answered_at_once(starter: HostStarter, smol_path: Path) -> None:
    """A short answer asked for during a long one ends before it, and each is what it is alone."""
    host = await loaded_host(starter, smol_path)
    prompts = ["The capital of France is", "One, two, three,", "The opposite of hot is"]
    lengths = [96, 8, 4]
    one_by_one = [
        await complete(host, prompt, max_tokens=length)
        for prompt, length in zip(prompts, lengths, strict=True)
    ]
    answers = [
        host.ask("completion", {"prompt": prompt, "temperature": 0.0, "max_tokens": length})
        for prompt, length in zip(prompts, lengths, strict=True)
    ]
    assert host.busy
    order: list[int] = []
    for place, answer in enumerate(answers):
        answer._finished.add_done_callback(lambda _, place=place: order.append(place))
    at_once = [text_of(await answer.finished()) for answer in answers]

    assert at_once == one_by_one
    assert len(set(at_once)) == len(prompts)
    assert order == [2, 1, 0]
    assert not host.busy


async def test_stop_words_and_seeds_are_obeyed(starter: HostStarter, smol_path: Path) -> None:
    """An answer ends before its stop word; a seed repeats an answer and no seed does not."""
    host = await loaded_host(starter, smol_path)
    counting = await complete(host, "1, 2, 3, 4, 5,", max_tokens=24)
    assert "9" in counting
    assert await complete(host, "1, 2, 3, 4, 5,", max_tokens=24, stop=["9"]) == counting.split("9")[0]

    async def told(**arguments: object) -> str:
        request = {"prompt": "Once upon a time", "max_tokens": 24, "temperature": 1.5, **arguments}
        return text_of(await host.ask("completion", request).finished())

    assert await told(seed=7) == await told(seed=7)
    assert len({await told() for _ in range(4)}) > 1


async def test_a_character_of_many_bytes_is_never_cut(starter: HostStarter, smol_path: Path) -> None:
    """Chunks of an answer with emoji and Chinese are whole characters, and together the whole answer."""
    host = await loaded_host(starter, smol_path)
    request = {"prompt": "😀😁😂🤣😃 你好 😀😁😂🤣😃 你好 😀😁😂", "temperature": 0.0, "max_tokens": 32}
    whole = text_of(await host.ask("completion", request).finished())
    parts = [
        chunk["choices"][0]["text"] async for chunk in host.ask("completion", {**request, "stream": True})
    ]
    assert any(ord(character) > 0xFFFF for character in whole)
    assert "".join(parts).rstrip("�") == whole.rstrip("�")
    assert "�" not in "".join(parts[:-2])


async def test_a_json_schema_shapes_the_answer(starter: HostStarter, smol_path: Path) -> None:
    """With a schema, in OpenAI's form or the library's, the answer is JSON that fits it."""
    host = await loaded_host(starter, smol_path)
    schema = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}
    forms: list[dict[str, object]] = [
        {"type": "json_schema", "schema": schema},
        {"type": "json_object", "schema": schema},
    ]
    for form in forms:
        request = {"messages": HELLO, "response_format": form, "temperature": 0.0, "max_tokens": 64}
        answer = json.loads(text_of(await host.ask("chat", request).finished()))
        assert isinstance(answer["age"], int)


def unpacked(vector: str) -> list[float]:
    return numpy.frombuffer(base64.b64decode(vector), "<f4").tolist()


async def test_embeddings_are_one_vector_for_each_text(starter: HostStarter, smol_path: Path) -> None:
    """Vectors of the model's length, equal for equal texts and nearer for like ones than for others."""
    host = await starter.birth()
    loaded = await host.load(smol_path, LoadParameters(context=512, embeddings=True))
    texts = [
        "A cat sat on the mat.",
        "A cat sat on a mat.",
        "Interest rates rose in March.",
        "A cat sat on the mat.",
    ]
    answered = await host.ask("embedding", {"input": texts}).finished()
    assert answered.payload is not None
    vectors = [unpacked(entry["embedding"]) for entry in answered.payload["data"]]

    def likeness(left: list[float], right: list[float]) -> float:
        dot = sum(a * b for a, b in zip(left, right, strict=True))
        return dot / (sum(a * a for a in left) * sum(b * b for b in right)) ** 0.5

    assert [len(vector) for vector in vectors] == [loaded.embedding_length] * 4
    assert likeness(vectors[0], vectors[3]) > 0.9999
    assert likeness(vectors[0], vectors[1]) > likeness(vectors[0], vectors[2])


async def test_a_model_that_only_embeds_does_so_unasked(starter: HostStarter, tmp_path: Path) -> None:
    """An encoder such as BERT cannot generate: it is loaded for embeddings and says so when asked for it."""
    path = write_model(tmp_path / "bert.gguf", SMALL_RECIPE.but(architecture="bert"))
    host = await starter.birth()
    assert (await host.load(path, LoadParameters(context=256))).gives_embeddings
    answered = await host.ask("embedding", {"input": "the of and"}).finished()
    assert answered.payload is not None
    assert len(unpacked(answered.payload["data"][0]["embedding"])) == SMALL_RECIPE.embedding
    with pytest.raises(AskFailedError, match="loaded to give embeddings and does not generate text"):
        await host.ask("completion", {"prompt": "a"}).finished()


@pytest.mark.parametrize("architecture", ["qwen3", "phi3", "gemma2", "mamba", "falcon-h1", "lfm2"])
async def test_other_architectures_answer_again_and_again(
    starter: HostStarter, tmp_path: Path, architecture: str
) -> None:
    """Grouped, sliding, recurrent and hybrid models: the same prompt gives the same after another one."""
    recipe = SMALL_RECIPE.but(architecture=architecture, sliding_window=64 if architecture == "gemma2" else 0)
    host = await loaded_host(starter, write_model(tmp_path / "model.gguf", recipe))
    prompts = ["the of and " * 8, "the of and " * 8 + "to in", "the of " * 9]
    first = [await complete(host, prompt, max_tokens=6) for prompt in prompts]
    fresh = await loaded_host(starter, tmp_path / "model.gguf")
    assert [await complete(fresh, prompt, max_tokens=6) for prompt in prompts[::-1]] == first[::-1]


async def test_what_cannot_be_answered_says_why_and_the_host_goes_on(
    starter: HostStarter, smol_path: Path
) -> None:
    """A prompt beyond the context, an unknown argument or token, a wrong operation: refused in words."""
    host = await loaded_host(starter, smol_path)
    refused = [
        (
            "completion",
            {"prompt": "word " * 600},
            r"this model's maximum context length is 512 tokens and the prompt has 60\d: .*",
        ),
        ("completion", {"prompt": "a", "colour": 1}, r".*colour.*"),
        ("completion", {}, r".*prompt.*"),
        ("completion", {"prompt": "a", "logit_bias": {"49152": 1}}, r"logit_bias names the token 49152; .*"),
        ("embedding", {"input": "a"}, r"the model is loaded to generate text; .*"),
    ]
    for operation, arguments, reason in refused:
        with pytest.raises(AskFailedError, match=f"^{reason}$"):
            await host.ask(operation, arguments).finished()
    assert "Paris" in await complete(host, "The capital of France is", max_tokens=4)


async def test_a_text_longer_than_a_batch_is_embedded_in_pieces(
    starter: HostStarter, smol_path: Path
) -> None:
    """However few tokens are computed at once, the vector is that of the whole text."""
    vectors = []
    for batch in (64, 512):
        parameters = LoadParameters(context=512, batch=batch, embeddings=True)
        host = await loaded_host(starter, smol_path, parameters)
        answered = await host.ask("embedding", {"input": "A cat sat on the mat. " * 20}).finished()
        assert answered.payload is not None
        vectors.append(unpacked(answered.payload["data"][0]["embedding"]))
    assert sum(a * b for a, b in zip(*vectors, strict=True)) > 0.9999


async def test_threads_change_between_tokens(starter: HostStarter, smol_path: Path) -> None:
    """`set_threads` during an answer lets the host compute with more threads, and the answer is the same."""
    host = await loaded_host(starter, smol_path, threads=1)
    expected = await complete(host, "Once upon a time", max_tokens=32)
    before = _thread_count(host.pid)

    answer = host.ask("completion", {"prompt": "Once upon a time", "temperature": 0.0, "max_tokens": 32})
    host.set_threads(3)
    assert text_of(await answer.finished()) == expected
    assert _thread_count(host.pid) == before + 2


async def test_two_hosts_answer_at_once(starter: HostStarter, smol_path: Path, gemma_path: Path) -> None:
    """Two models load and answer at the same time, each as it does alone."""
    smol, gemma = await asyncio.gather(loaded_host(starter, smol_path), loaded_host(starter, gemma_path))
    prompt = "The capital of France is"
    alone = [await complete(host, prompt, max_tokens=12) for host in (smol, gemma)]
    together = await asyncio.gather(*(complete(host, prompt, max_tokens=12) for host in (smol, gemma)))
    assert alone == together
    assert alone[0] != alone[1]
    assert smol.pid != gemma.pid


async def test_a_dozing_host_wakes_with_the_same_answer(starter: HostStarter, gemma_path: Path) -> None:
    """Dozing drops nearly all mapped weights and keeps the cache; the next answer is right."""
    host = await starter.birth()
    loaded = await host.load(gemma_path, SMALL)
    prompt = "The capital of France is"
    expected = await complete(host, prompt, max_tokens=12)
    dozed = await host.doze()
    assert dozed.before_bytes > 0.9 * loaded.weights_bytes
    assert dozed.after_bytes < 0.1 * dozed.before_bytes
    assert await complete(host, prompt, max_tokens=12) == expected
    assert (await host.doze()).before_bytes > 0.9 * loaded.weights_bytes


async def test_a_host_that_wakes_reads_only_what_it_uses(starter: HostStarter, tmp_path: Path) -> None:
    """Of weights that were copied into the processor's order the originals stay on the disk."""
    recipe = Recipe(layers=8, embedding=512, feed_forward=4096, heads=8, type="q4_0")
    path = write_model(tmp_path / "ordered.gguf", recipe)
    host = await loaded_host(starter, path)
    file_bytes, prompt = path.stat().st_size, "The capital of France is"
    await complete(host, prompt, max_tokens=1)
    used_bytes = (await host.doze()).before_bytes
    if used_bytes > 0.9 * file_bytes:
        pytest.skip("on this processor llama.cpp copies no weights, so that all of the file is used")
    evict(path)
    await complete(host, prompt, max_tokens=1)
    awake = warmth_of([str(path)])
    assert awake is not None
    # What the system reads ahead around each part is read besides.
    assert awake.warm_bytes < (used_bytes + file_bytes) / 2


def _thread_count(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/task").iterdir()))
