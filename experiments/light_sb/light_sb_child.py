"""A fresh process that fits once and prints the CPU seconds; started by `light_sb_measure`."""

import json
import sys

import jax

if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    from light_sb_measure import instance, measure_fit
    from light_sb_rows import Asked

    variant, dim, epsilon, num = sys.argv[1:]
    asked = Asked(variant, int(dim), float(epsilon), 0.0, 0.0)
    case = instance(asked, 0, int(num))
    jax.block_until_ready(case.data)
    first = measure_fit(case, asked, 0, 0)["first"]
    sys.stdout.write(json.dumps({"first": first}) + "\n")
