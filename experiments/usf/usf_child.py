"""A fresh process that measures one thing and prints it; started by its siblings."""

import json
import sys

import jax

if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    from usf_throughput import compiled_once

    sys.stdout.write(json.dumps(compiled_once()) + "\n")
