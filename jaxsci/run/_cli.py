"""The `jaxsci` command."""

import difflib
import os
import sys
import traceback
from collections.abc import Callable, Sequence

from .. import __version__

HELP = """usage: jaxsci COMMAND [OPTIONS]

Differentiable scientific computing on JAX.

commands:
  demo                 solve a multi-scale equation with error bars, recover a coefficient
                       from noisy data, sweep 64 parameter values, draw the picture
  run EXPERIMENT       run an experiment; `jaxsci run EXPERIMENT --help` shows its settings
  list                 the experiments, with a line about each
  doctor               versions, devices, float64, compile cache, extras

options:
  --version            print the version
  --debug              show the full traceback of an error (or set JAXSCI_DEBUG=1)
  -h, --help           print this text

Results go to runs/<experiment>/<time>/ below the working directory. Compiled programs are kept in
the user's cache folder; JAXSCI_COMPILE_CACHE names another one, or switches it `off`.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line `arguments` (the process's own by default); returns the exit status."""
    return guarded(_dispatch, sys.argv[1:] if arguments is None else arguments)


def guarded(action: Callable[[list[str]], int], arguments: Sequence[str]) -> int:
    """Run `action`; what a user can cause ends in a message, what only a bug can in a traceback.

    Exit status: 1 if a computation failed its own checks, 2 for wrong input, 130 for Ctrl-C.
    """
    rest = [word for word in arguments if word != "--debug"]
    debug = len(rest) < len(arguments) or os.environ.get("JAXSCI_DEBUG", "") not in ("", "0")
    try:
        return action(rest)
    except KeyboardInterrupt:
        print("\njaxsci: interrupted; what was written so far is kept", file=sys.stderr)
        return 130
    except (ValueError, OSError) as error:
        return _explain(error, 2, debug)
    except RuntimeError as error:
        if not _is_failed_solution(error):
            raise
        return _explain(error, 1, debug)


def _explain(error: Exception, status: int, debug: bool) -> int:
    if debug:
        traceback.print_exception(error)
    else:
        print(f"jaxsci: {error}\n(--debug shows where)", file=sys.stderr)
    return status


def _is_failed_solution(error: Exception) -> bool:
    """Whether `error` is a `JaxsciError`, without importing JAX in order to ask."""
    core = sys.modules.get("jaxsci._core")
    return core is not None and isinstance(error, core.JaxsciError)


def _dispatch(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help"):
        print(HELP, end="")
        return 0
    if words[0] == "--version":
        print(f"jaxsci {__version__}")
        return 0
    commands = {"demo": _demo, "run": _run, "list": _list, "doctor": _doctor}
    if words[0] not in commands:
        raise ValueError(_unknown_command(words[0], list(commands)))
    return commands[words[0]](words[1:])


def _demo(words: list[str]) -> int:
    from ._execute import run_from_command_line
    from ._experiment import locate

    return run_from_command_line(locate("demo"), words, "jaxsci demo")


def _run(words: list[str]) -> int:
    from ._execute import run_from_command_line
    from ._experiment import find_experiments, locate

    if not words or words[0].startswith("-"):
        known = ", ".join(find_experiments()) or "none was found"
        usage = f"usage: jaxsci run EXPERIMENT [OPTIONS]\nexperiments: {known}"
        if words and words[0] in ("-h", "--help"):
            print(usage)
            return 0
        raise ValueError(f"`run` needs the name of an experiment first.\n{usage}")
    return run_from_command_line(locate(words[0]), words[1:], f"jaxsci run {words[0]}")


def _list(words: list[str]) -> int:
    from ._experiment import about, find_experiments

    _no_options("list", words)
    found = find_experiments()
    width = max((len(name) for name in found), default=0)
    for name, path in found.items():
        print(f"{name:<{width}}  {about(path)}")
    if not found:
        print("no experiments here: neither the working directory nor the installation has any")
    return 0


def _doctor(words: list[str]) -> int:
    _no_options("doctor", words)
    from ._doctor import doctor

    return doctor()


def _no_options(command: str, words: list[str]) -> None:
    if words:
        raise ValueError(f"`jaxsci {command}` takes no options, got: {' '.join(words)}")


def _unknown_command(word: str, commands: list[str]) -> str:
    from ._experiment import find_experiments

    if word in find_experiments():
        return f"{word!r} is an experiment: jaxsci run {word}"
    near = difflib.get_close_matches(word, commands, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"there is no command {word!r}.{hint} Commands: {', '.join(commands)}."
