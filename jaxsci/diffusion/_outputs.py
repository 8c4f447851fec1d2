"""What networks predict, converted to the clean signal and back: pure functions."""

from typing import Literal

from jaxtyping import Array, Float

Output = Literal["eps", "x0", "v", "score", "flow"]


def clean_signal(
    output: Output,
    x: Float[Array, "..."],
    predicted: Float[Array, "..."],
    alpha: Float[Array, ""],
    sigma: Float[Array, ""],
) -> Float[Array, "..."]:
    """$x_0$ from a prediction at $x = \\alpha x_0 + \\sigma\\varepsilon$.

    Args:
        output: the kind of the prediction.
        x: where it was made.
        predicted: the prediction.
        alpha: $\\alpha$.
        sigma: $\\sigma$.

    Returns:
        $x_0$.
    """
    if output == "x0":
        return predicted
    if output == "v":
        return (alpha * x - sigma * predicted) / (alpha**2 + sigma**2)
    if output == "flow":
        return (x - sigma * predicted) / (alpha + sigma)
    noise = -sigma * predicted if output == "score" else predicted
    return (x - sigma * noise) / alpha


def predicted_output(
    output: Output,
    x: Float[Array, "..."],
    clean: Float[Array, "..."],
    alpha: Float[Array, ""],
    sigma: Float[Array, ""],
) -> Float[Array, "..."]:
    """The inverse of `clean_signal`: what a network of that kind would have predicted.

    Args:
        output: the kind of the prediction.
        x: where it is made.
        clean: $x_0$.
        alpha: $\\alpha$.
        sigma: $\\sigma$.

    Returns:
        The prediction.
    """
    noise = (x - alpha * clean) / sigma
    kinds = {
        "eps": noise,
        "x0": clean,
        "v": alpha * noise - sigma * clean,
        "score": -noise / sigma,
        "flow": noise - clean,
    }
    return kinds[output]
