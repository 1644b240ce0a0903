"""Images over the API and from the command line: a made-up pair that sees beside a model that does not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from llmmem_gui.service.http.control_records import LibraryEntry, ModelStatus
from tests import made_up_images as images
from tests.made_up_models import Recipe, write_model
from tests.made_up_projectors import ProjectorRecipe, write_projector
from tests.running_program import RunningProgram

_PLAIN = "{% for message in messages %}{{ message.content }}{% endfor %}"
_MODEL = Recipe("gemma3", vocabulary=2000, chat_template=_PLAIN)


@pytest.fixture(scope="module")
def seeing(program: RunningProgram, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Id of a model that sees; another one, `blind`, is in the library, too."""
    folder = tmp_path_factory.mktemp("seeing")
    model = write_model(folder / "seer.gguf", _MODEL)
    write_projector(folder / "mmproj-seer-f16.gguf", ProjectorRecipe("gemma3"))
    blind = write_model(folder / "blind.gguf", _MODEL.but(layers=1))
    client = program.client()
    assert client.model_id(str(blind)) == "blind"
    yield client.model_id(str(model))
    client.request("POST", "/api/v1/unload")


def content(*addresses: Any) -> list[dict[str, Any]]:
    """A message's content that shows what is at these addresses."""
    shown = [{"type": "image_url", "image_url": address} for address in addresses]
    return [*shown, {"type": "text", "text": "What is it?"}]


def asked(client: openai.OpenAI, model: str, *addresses: Any, **more: Any) -> Any:
    """A whole answer."""
    messages: Any = [{"role": "user", "content": content(*addresses)}]
    return client.chat.completions.create(model=model, messages=messages, max_tokens=4, **more)


def test_images_are_answered(client: openai.OpenAI, seeing: str) -> None:
    """In OpenAI's form; counted as tokens of the prompt; streamed; several answers to one."""
    without = asked(client, seeing, seed=1, temperature=0)
    address = images.url(images.png())
    one = asked(client, seeing, {"url": address, "detail": "high"}, temperature=0)
    two = asked(client, seeing, {"url": address}, {"url": images.url(images.jpeg(), "image/jpeg")})
    assert without.usage.prompt_tokens + 4 < one.usage.prompt_tokens < two.usage.prompt_tokens
    assert len(asked(client, seeing, {"url": address}, n=3).choices) == 3
    chunks = list(asked(client, seeing, {"url": address}, stream=True, temperature=0))
    streamed = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert streamed == one.choices[0].message.content


def test_other_forms_of_images_are_taken(program: RunningProgram, seeing: str) -> None:
    """`input_image` with the address itself, and base64 in `images`, as clients of others send them."""
    counts = []
    for message in (
        {"content": content({"url": images.url(images.png())})},
        {"content": [{"type": "input_image", "image_url": images.url(images.png())}, *content()]},
        {"content": "What is it?", "images": [images.part(images.png())["data"]]},
    ):
        body = {"model": seeing, "messages": [{"role": "user", **message}], "max_tokens": 1}
        answer = program.client().request("POST", "/v1/chat/completions", body)
        counts.append(answer["usage"]["prompt_tokens"])
    assert len(set(counts)) == 1


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("https://example.com/a.png", "nothing is fetched"),
        ("file:///etc/passwd", "nothing is fetched"),
        ("data:image/png,abc", "not in base64"),
        ("data:image/png;base64,%%%", "not written in base64"),
        (images.url(b"GIF89a"), "damaged"),
        (images.url(b"hello"), "no PNG, JPEG, GIF or BMP"),
    ],
)
def test_what_is_no_image_is_refused(client: openai.OpenAI, seeing: str, address: str, reason: str) -> None:
    """400 with what is wrong, and the next request is answered."""
    with pytest.raises(openai.BadRequestError, match=reason):
        asked(client, seeing, {"url": address})
    assert asked(client, seeing, {"url": images.url(images.png(8, 8))}).choices


def test_a_model_that_cannot_see_says_which_can(client: openai.OpenAI, seeing: str) -> None:
    """400 with the place of the image, the model's name and those that see."""
    with pytest.raises(openai.BadRequestError) as refused:
        asked(client, "blind", {"url": images.url(images.png())})
    assert refused.value.param == "messages[0].content[0]"
    assert "The model blind reads text only" in str(refused.value)
    assert f"these see: {seeing}" in str(refused.value)


def test_lists_tell_who_sees(program: RunningProgram, client: openai.OpenAI, seeing: str) -> None:
    """The library, the models as they are, and OpenAI's list."""
    status = program.client().request("GET", f"/api/v1/models/{seeing}", gives=ModelStatus)
    folders = [str(Path(status.path).parent)]
    library = program.client().request("POST", "/api/v1/scan", {"folders": folders}, gives=list[LibraryEntry])
    sees = {entry.id: entry.sees for entry in library}
    assert (sees[seeing], sees["blind"]) == (True, False)
    assert status.sees
    modalities = {model.id: model.to_dict()["input_modalities"] for model in client.models.list()}
    assert (modalities[seeing], modalities["blind"]) == (["text", "image"], ["text"])


def test_files_are_shown_from_the_command_line(program: RunningProgram, seeing: str, tmp_path: Path) -> None:
    """`llmmem ask --image`; a file that is not there is told."""
    file = tmp_path / "a picture.png"
    file.write_bytes(images.png())
    question = ("ask", seeing, "What is it?", "--max-tokens", "4", "--json")
    plain, shown = program.llmmem(*question), program.llmmem(*question, "--image", str(file))
    assert shown.json["prompt_tokens"] > plain.json["prompt_tokens"]
    missing = program.llmmem(*question, "--image", str(tmp_path / "none.png"))
    assert missing.code == 1
    assert "none.png cannot be read" in missing.err
