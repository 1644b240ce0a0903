"""`llmmem completion`: scripts for shells, made from the parser, so that they never fall behind it."""

from __future__ import annotations

import argparse
import contextlib
from argparse import Namespace

from llmmem_gui.cli.arguments import make_parser

_BASH = """\
_llmmem() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}} command= word
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        [[ $word != -* ]] && {{ command=$word; break; }}
    done
    local options= choices= models=
    case $command in
{cases}
        *) choices="{commands}"; options="{options}" ;;
    esac
    case $command:$previous in
{values}
    esac
    if [[ $current == -* ]]; then
        COMPREPLY=($(compgen -W "$options" -- "$current"))
    else
        [[ -n $models ]] && choices="$choices $(llmmem completion models 2>/dev/null)"
        COMPREPLY=($(compgen -W "$choices" -- "$current") $(compgen -f -- "$current"))
        [[ -z $command ]] && COMPREPLY=($(compgen -W "$choices" -- "$current"))
    fi
}}
complete -o filenames -F _llmmem llmmem
"""

_ZSH = """\
#compdef llmmem
autoload -U +X bashcompinit && bashcompinit
{bash}"""


def completion(options: Namespace) -> None:
    """Write the script of a shell, or the ids of the models for it."""
    if options.shell == "models":
        for model_id in _model_ids():
            print(model_id)
        return
    print(script(options.shell), end="")


def script(shell: str) -> str:
    """The completion script of `bash` or `zsh`."""
    parser = make_parser()
    commands = _commands(parser)
    bash = _BASH.format(
        cases="\n".join(_case(name, command) for name, command in commands.items()),
        values="\n".join(filter(None, (_values(name, command) for name, command in commands.items()))),
        commands=" ".join(commands),
        options=" ".join(_options(parser)),
    )
    return bash if shell == "bash" else _ZSH.format(bash=bash)


def _commands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    return next(a.choices for a in parser._actions if isinstance(a, argparse._SubParsersAction))


def _options(parser: argparse.ArgumentParser) -> list[str]:
    return [option for action in parser._actions for option in action.option_strings]


def _case(name: str, command: argparse.ArgumentParser) -> str:
    """What may follow a command: its options, the choices of its arguments, and whether it takes models."""
    arguments = [action for action in command._actions if not action.option_strings]
    choices = " ".join(str(choice) for action in arguments for choice in action.choices or ())
    models = "yes" if any(action.dest == "model" for action in arguments) else ""
    return f'        {name}) options="{" ".join(_options(command))}" choices="{choices}" models={models} ;;'


def _values(name: str, command: argparse.ArgumentParser) -> str:
    """What may follow an option that takes one of a few values."""
    return "\n".join(
        f'        {name}:{option}) choices="{" ".join(map(str, action.choices))}" models= ;;'
        for action in command._actions
        for option in action.option_strings
        if action.choices
    )


def _model_ids() -> list[str]:
    from llmmem_gui.cli.connection import connect

    with contextlib.suppress(Exception):
        return [model["id"] for model in connect().request("GET", "/v1/models")["data"]]
    return []
