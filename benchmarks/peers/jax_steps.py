"""JAX's training steps: a whole step jitted, with its parameters and moments given away."""

import jax
import jax.numpy as jnp
import numpy as np

import harness

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_platforms", "cpu")
relu = jax.nn.relu


def linear(p, name, x):
    return x @ p[f"{name}.weight"].T + p[f"{name}.bias"]


def convolution(p, name, x, before=0, dilation=1):
    if f"{name}.weight" in p:
        weight = p[f"{name}.weight"]
    else:  # normed
        v = p[f"{name}.weight_v"]
        weight = p[f"{name}.weight_g"] * v / jnp.sqrt((v * v).sum((1, 2), keepdims=True))
    axes = x.ndim - 2
    y = jax.lax.conv_general_dilated(x, weight, (1,) * axes, [(before, 0)] * axes, rhs_dilation=(dilation,) * axes)
    return y + p[f"{name}.bias"].reshape(-1, *(1,) * axes)


def dense(p, x):
    return linear(p, "last", relu(linear(p, "second", relu(linear(p, "first", x)))))


def cnn1d(p, x):
    seen = relu(convolution(p, "wide", relu(convolution(p, "narrow", x))))
    return linear(p, "last", relu(linear(p, "hidden", seen.reshape(len(x), -1))))


def lstm(p, x):
    x = jnp.swapaxes(x, 0, 1)  # [T,N,in]
    for layer in (0, 1):
        names = [f"lstm.{kind}_l{layer}" for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
        into, again, bias, other = (p[name] for name in names)

        def cell(state, given):
            h, c = state
            i, f, g, o = jnp.split(given + h @ again.T, 4, axis=-1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            h = jax.nn.sigmoid(o) * jnp.tanh(c)
            return (h, c), h

        zeros = jnp.zeros((x.shape[1], again.shape[1]), x.dtype)
        x = jax.lax.scan(cell, (zeros, zeros), x @ into.T + (bias + other))[1]
    return linear(p, "last", x[-1])


def tcn(p, x):
    for i in range(5):
        at, before, dilation = f"block{i}", 6 * 2**i, 2**i
        y = relu(convolution(p, f"{at}.first", x, before, dilation))
        y = relu(convolution(p, f"{at}.second", y, before, dilation))
        x = relu(y + (convolution(p, f"{at}.skip", x) if f"{at}.skip.weight" in p else x))
    return linear(p, "last", x[:, :, -1])


def lenet(p, x):
    seen = relu(convolution(p, "second", relu(convolution(p, "first", x))))
    two = (1, 1, 2, 2)
    pooled = jax.lax.reduce_window(seen, -jnp.inf, jax.lax.max, two, two, "VALID")
    hidden = relu(linear(p, "hidden", pooled.reshape(len(x), -1)))
    return jax.nn.log_softmax(linear(p, "last", hidden), 1)


def factor_cnn(p, x):
    seen = x.T[None]
    for name in ("first", "second", "third"):
        seen = relu(convolution(p, name, seen))
    return linear(p, "last", seen[:, :, -1])


def mean_square(out, y):
    return ((out - y) ** 2).mean()


def likelihood(out, y):
    return -out[jnp.arange(len(y)), y].mean()


NETWORKS = {"dense": (dense, mean_square), "cnn1d": (cnn1d, mean_square), "lstm": (lstm, mean_square),
            "tcn": (tcn, mean_square), "lenet": (lenet, likelihood), "factor_cnn": (factor_cnn, mean_square)}


def adam(count, p, g, m, v):
    """PyTorch's formula, on one leaf."""
    m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
    rate, spread = 0.001 / (1 - 0.9**count), jnp.sqrt(1 - 0.999**count)
    return p - rate.astype(p.dtype) * m / (jnp.sqrt(v) / spread.astype(p.dtype) + 1e-8), m, v


def prepared(network, start, x, y):
    forward, loss_of = network

    def whole(parameters, state, x, y):
        count, moments, squares = state
        count = count + 1
        loss, gradients = jax.value_and_grad(lambda p: loss_of(forward(p, x), y))(parameters)
        moved = {name: adam(count, p, gradients[name], moments[name], squares[name]) for name, p in parameters.items()}
        parameters, moments, squares = ({name: leaf[i] for name, leaf in moved.items()} for i in range(3))
        return loss, parameters, (count, moments, squares)

    compiled = jax.jit(whole, donate_argnums=(0, 1))
    x, y = jnp.asarray(x), jnp.asarray(y)
    parameters = {name: jnp.array(p) for name, p in start.items()}
    state = jnp.zeros((), "int64"), *({name: jnp.zeros_like(p) for name, p in parameters.items()} for _ in range(2))

    def step():
        nonlocal parameters, state
        loss, parameters, state = jax.block_until_ready(compiled(parameters, state, x, y))
        return loss

    return step, lambda: {name: np.asarray(p) for name, p in parameters.items()}


if __name__ == "__main__":
    harness.serve({"jit": prepared}, NETWORKS, harness.steps_of)
