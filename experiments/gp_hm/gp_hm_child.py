"""A fresh process that measures one thing and prints it; started by `gp_hm_measure`."""

import sys

import jax

if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    from gp_hm_measure import probe, scale

    if sys.argv[1] == "--probe":
        probe(int(sys.argv[2]), sys.argv[3])
    else:
        scale(int(sys.argv[2]))
