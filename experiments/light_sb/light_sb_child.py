"""A fresh process that measures one thing and prints it; started by its siblings."""

import json
import sys

import jax

if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    from light_sb_measure import first_fit
    from light_sb_streamed import streamed_fit

    if sys.argv[1] == "--streamed":
        report = streamed_fit(int(sys.argv[2]), int(sys.argv[3]))
    else:
        variant, dim, epsilon, num = sys.argv[2:]
        report = first_fit(variant, int(dim), float(epsilon), int(num))
    sys.stdout.write(json.dumps(report) + "\n")
