"""Files that are no models, or bad ones: the load fails in words and nothing else is touched."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.service.hosting.hosts import AskFailedError, HostStarter, LoadFailedError
from tests.gguf_writer import write_gguf
from tests.hostile_gguf import HostileFile, hostile_files
from tests.made_up_models import Recipe, model_metadata, model_tensors, write_model
from tests.running_hosts import SMALL, complete, loaded_host

TINY = Recipe(layers=2, embedding=64, feed_forward=64, heads=2, kv_heads=1, head_size=32, vocabulary=400)
HELLO = [{"role": "user", "content": "Hello"}]


def _text_file(path: Path, _good: Path) -> None:
    path.write_text("This is not a model.\n" * 100)


def _empty_file(path: Path, _good: Path) -> None:
    path.touch()


def _folder(path: Path, _good: Path) -> None:
    path.mkdir()


def _named_pipe(path: Path, _good: Path) -> None:
    os.mkfifo(path)


def _endless_device(path: Path, _good: Path) -> None:
    path.symlink_to("/dev/zero")


def _circular_link(path: Path, _good: Path) -> None:
    path.symlink_to(path)


def _nothing(path: Path, _good: Path) -> None:
    pass


def _truncated(path: Path, good: Path) -> None:
    path.write_bytes(good.read_bytes()[: 40 * 2**20])


def _truncated_header(path: Path, good: Path) -> None:
    path.write_bytes(good.read_bytes()[:20_000])


def _unknown_architecture(path: Path, _good: Path) -> None:
    metadata = model_metadata(TINY)
    write_gguf(path, {**metadata, "general.architecture": "zebra"}, model_tensors(TINY))


def _no_vocabulary(path: Path, _good: Path) -> None:
    metadata = {key: value for key, value in model_metadata(TINY).items() if not key.startswith("tokenizer")}
    write_gguf(path, metadata, model_tensors(TINY))


def _first_of_three_parts(path: Path, good: Path) -> None:
    path.with_name("bad-00001-of-00003.gguf").symlink_to(good)


BAD_FILES: list[tuple[Callable[[Path, Path], None], str]] = [
    (_text_file, r"not a GGUF file: it begins with “This” instead of “GGUF”"),
    (_empty_file, r"the file is empty"),
    (_folder, r"the file is a folder"),
    (_named_pipe, r"the file is not a regular file"),
    (_endless_device, r"the file is not a regular file"),
    (_circular_link, r"symbolic link that leads in a circle"),
    (_nothing, r"the file does not exist"),
    (_truncated, r"data is not within the file bounds"),
    (_truncated_header, r"cannot be loaded: gguf_init_from_\w+: failed to read"),
    (_unknown_architecture, r"unknown model architecture: 'zebra'"),
    (_no_vocabulary, r"tokenizer\.ggml\.model"),
    (_first_of_three_parts, r"part 'bad-00002-of-00003.gguf' of the model does not exist"),
]


@pytest.mark.parametrize(("make", "reason"), BAD_FILES, ids=[make.__name__ for make, _ in BAD_FILES])
async def test_a_bad_file_fails_in_words(
    starter: HostStarter,
    smol_path: Path,
    tmp_path: Path,
    make: Callable[[Path, Path], None],
    reason: str,
) -> None:
    """The load fails with the file's name and what is wrong; its host has ended; the next host works."""
    make(tmp_path / "bad.gguf", smol_path)
    path = next((each for each in tmp_path.iterdir() if each.name != "home"), tmp_path / "bad.gguf")
    host = await starter.birth()
    with pytest.raises(LoadFailedError, match=reason) as failure:
        await host.load(path, SMALL)
    sentence = str(failure.value)
    assert sentence.startswith(f"{path.name} cannot be loaded: ")
    assert "\n" not in sentence
    assert str(tmp_path) not in sentence
    report = await host.exited
    assert (report.exit_code, report.expected) == (0, True)
    assert not starter.hosts
    other = await loaded_host(starter, smol_path)
    assert "Paris" in await complete(other, "The capital of France is", max_tokens=4)


CHECK_AS_NOBODY = """
import os, sys
sys.path.append(sys.argv[1])
from llmmem_gui.host.modelfile import LoadError, check_model_file
if os.geteuid() == 0:
    os.setuid(65534)
try:
    check_model_file(os.fsencode(sys.argv[2]))
except LoadError as error:
    print(error)
"""


def test_an_unreadable_file_fails_in_words(tmp_path: Path) -> None:
    """A file without permission is told as such; tried as another user where this one may read everything."""
    path = tmp_path / "secret.gguf"
    path.write_bytes(b"GGUF" + bytes(64))
    path.chmod(0o000)
    tree = str(Path(__file__).parents[2])
    folder = os.open(tmp_path, os.O_RDONLY)
    command = [sys.executable, "-c", CHECK_AS_NOBODY, tree, f"/proc/self/fd/{folder}/secret.gguf"]
    try:
        # The folders above may be closed to the other user too; this one is reached by its descriptor.
        tmp_path.chmod(0o755)
        result = subprocess.run(command, capture_output=True, text=True, pass_fds=[folder], timeout=60)
    finally:
        os.close(folder)
    assert result.stdout.strip() == "the file may not be read by this user", result.stderr


async def test_a_model_whose_name_is_no_text(starter: HostStarter, tmp_path: Path) -> None:
    """A name with bytes that are not UTF-8 can be loaded, and is shown with what can be shown of it."""
    good = write_model(tmp_path / "good.gguf", TINY)
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/odd-\xff\xfe.gguf"))
    odd.symlink_to(good)
    await loaded_host(starter, odd, LoadParameters(context=256))
    host = await starter.birth()
    with pytest.raises(
        LoadFailedError, match=r"^missing-��\.gguf cannot be loaded: the file does not exist$"
    ):
        await host.load(Path(os.fsdecode(b"/missing-\xff\xfe.gguf")), SMALL)


async def test_a_model_in_parts(starter: HostStarter, smol_path: Path, tmp_path: Path) -> None:
    """A name that says "part 1 of 1" is one part, and the sandbox lets it be read."""
    path = tmp_path / "smol-00001-of-00001.gguf"
    path.symlink_to(smol_path)
    host = await loaded_host(starter, path)
    assert "Paris" in await complete(host, "The capital of France is", max_tokens=4)


HOSTILE = list(hostile_files())


@pytest.mark.parametrize("group", range(8))
async def test_no_hostile_file_does_more_than_fail(starter: HostStarter, tmp_path: Path, group: int) -> None:
    """Each file of the corpus loads or fails with a reason, whatever happens to its host."""
    unexplained = []
    for case in HOSTILE[group::8]:
        reason = await _reason_for(starter, case, tmp_path)
        if reason is not None and (len(reason) < 20 or "Traceback" in reason):
            unexplained.append((case.name, reason))
    assert not unexplained
    assert not starter.hosts


async def _reason_for(starter: HostStarter, case: HostileFile, folder: Path) -> str | None:
    path = folder / "hostile.gguf"
    path.write_bytes(case.content)
    host = await starter.birth()
    try:
        await host.load(path, LoadParameters(context=256), data_limit_bytes=2 * 2**30)
    except LoadFailedError as error:
        await host.exited
        return str(error)
    await host.stop()
    return None


async def test_an_assertion_in_llama_cpp_is_named(starter: HostStarter, tmp_path: Path) -> None:
    """A header that makes llama.cpp abort ends its host alone, and the failed assertion is the reason."""
    metadata = {**model_metadata(TINY), "llama.block_count": 0}
    path = write_gguf(tmp_path / "abort.gguf", metadata, model_tensors(TINY))
    host = await starter.birth()
    with pytest.raises(
        LoadFailedError, match=r"was given up by llama\.cpp: GGML_ASSERT\(.*n_layer.*\) failed"
    ):
        await host.load(path, SMALL)
    assert (await host.exited).exit_code == -6


async def test_more_memory_than_allowed_is_refused(starter: HostStarter, smol_path: Path) -> None:
    """A host whose model reserves more than its limit fails; with room enough the same model loads."""
    parameters = LoadParameters(context=8192)
    host = await starter.birth()
    with pytest.raises(
        LoadFailedError, match=r"needs more than the 100 MiB of memory that it may use \(.*allocate.*\)$"
    ):
        await host.load(smol_path, parameters, data_limit_bytes=100 * 2**20)
    host = await starter.birth()
    await host.load(smol_path, parameters, data_limit_bytes=600 * 2**20)
    assert "Paris" in await complete(host, "The capital of France is", max_tokens=4)


def _with_template(folder: Path, template: str) -> Path:
    return write_model(folder / "template.gguf", TINY.but(chat_template=template))


async def test_a_damaged_chat_template_is_set_aside(starter: HostStarter, tmp_path: Path) -> None:
    """A template with a syntax error does not fail the load; a chat says why it was set aside."""
    host = await loaded_host(
        starter, _with_template(tmp_path, "{% for message in %}"), LoadParameters(context=256)
    )
    answered = await host.ask("chat", {"messages": HELLO, "max_tokens": 4}).finished()
    assert answered.payload is not None
    assert answered.notice is not None
    assert str(answered.notice).startswith("the model's chat template is damaged (")
    await host.ask("completion", {"prompt": "a", "max_tokens": 1}).finished()


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{{ cycler.__init__.__globals__.os.system('touch MARKER') }}", "unsafe"),
        ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "unsafe"),
        ("{{ raise_exception('no system role here') }}", "no system role here"),
        ("{% macro again() %}{{ again() }}{% endmacro %}{{ again() }}", "recursion"),
        ("{{ 9 ** (9 ** 9) }}", "the numbers are too large"),
        ("{% for a in range(10**9) %}{% endfor %}", "too big"),
    ],
)
async def test_a_hostile_chat_template_only_fails_its_chat(
    starter: HostStarter, tmp_path: Path, template: str, reason: str
) -> None:
    """Code, recursion and endless sums in a template fail the request in words; the host goes on."""
    marker = tmp_path / "marker"
    path = _with_template(tmp_path, template.replace("MARKER", str(marker)))
    host = await loaded_host(starter, path, LoadParameters(context=256))
    with pytest.raises(
        AskFailedError, match=f"^the model's chat template refuses these messages: .*{reason}"
    ):
        await host.ask("chat", {"messages": HELLO}).finished()
    assert not marker.exists()
    await host.ask("completion", {"prompt": "a", "max_tokens": 1}).finished()


@pytest.mark.parametrize(
    "template",
    [
        "{{ 'a' * 2**33 }}",
        "{% set n = namespace(s='a') %}{% for _ in range(40) %}{% set n.s = n.s ~ n.s %}{% endfor %}",
        "{% set all = [] %}{% for _ in range(99999) %}{{ all.append('a' * 9999 * loop.index) }}{% endfor %}",
        "{{ 'a' * 2**26 }}",
    ],
)
async def test_a_chat_template_that_takes_too_much_memory_is_stopped(
    starter: HostStarter, tmp_path: Path, template: str
) -> None:
    """It is, long before the machine has none left, and the host goes on."""
    host = await loaded_host(starter, _with_template(tmp_path, template), LoadParameters(context=256))
    with pytest.raises(AskFailedError, match=r"^the model's chat template used more than 256 MiB of memory$"):
        await host.ask("chat", {"messages": HELLO}).finished()
    await host.ask("completion", {"prompt": "a", "max_tokens": 1}).finished()


async def test_an_endless_chat_template_is_stopped(starter: HostStarter, tmp_path: Path) -> None:
    """A template that never ends is stopped after a few seconds, and the host goes on."""
    loops = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
    host = await loaded_host(starter, _with_template(tmp_path, loops), LoadParameters(context=256))
    with pytest.raises(AskFailedError, match=r"^the model's chat template ran for more than 5 s$"):
        await host.ask("chat", {"messages": HELLO}).finished()
    await host.ask("completion", {"prompt": "a", "max_tokens": 1}).finished()
