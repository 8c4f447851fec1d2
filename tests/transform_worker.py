"""Run by test_transforms in a process with four virtual devices; a line of JSON per row."""

import json
import sys

import jax
import jax.numpy as jnp
from jax.sharding import AxisType, NamedSharding, PartitionSpec
from transform_cases import PARAMETERS, ROWS


def on_mesh(row, parameters):
    """`jit(vmap)` with the batch spread over an Auto mesh."""
    mesh = jax.make_mesh((4,), ("batch",), axis_types=(AxisType.Auto,))
    spread = jax.device_put(parameters, NamedSharding(mesh, PartitionSpec("batch")))
    return jax.jit(jax.vmap(row))(spread)


def main():
    """Every row on the mesh, and under `pmap` where it is supported."""
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_numpy_dtype_promotion", "strict")
    parameters = jnp.asarray(PARAMETERS)
    for row in ROWS:
        if row.mesh_fault:
            continue
        meshed = on_mesh(row, parameters)
        found = {"mesh": meshed.tolist(), "devices": len(meshed.sharding.device_set)}
        if row.pmap:
            found["pmap"] = jax.pmap(lambda p, row=row: row(p))(parameters).tolist()
        sys.stdout.write(json.dumps({row.name: found}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
