"""Refusals: an error with all that it should say, before anything is compiled."""

import contextlib

import jax
import pytest


@contextlib.contextmanager
def refused(cores, kind, *words):
    """The error, all these words in its message, and no program of these names compiled.

    Functions of the user are sampled before, by small programs of JAX's own: they may be.
    """
    started = []
    watch = lambda _, __, **names: started.append(names.get("fun_name", ""))
    jax.monitoring.register_event_duration_secs_listener(watch)
    try:
        with pytest.raises(kind) as caught:
            yield
    finally:
        jax.monitoring.unregister_event_duration_listener(watch)
    missing = [word for word in words if word not in str(caught.value)]
    assert not missing, f"{missing} not in: {caught.value}"
    compiled = [name for name in started if name.removeprefix("jit(").rstrip(")") in cores]
    assert not compiled, f"compiled before the error: {compiled}"
