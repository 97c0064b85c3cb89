"""JAX: jit in float64 on the CPU."""

import jax
import jax.numpy as jnp
import numpy as np

import harness

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_platforms", "cpu")


def portfolio(options):
    cost, temperature, ridge = options["cost"], options["temperature"], options["ridge"]

    def objective(w, X, Y):
        position = jax.nn.softmax(X @ (w / temperature), axis=-1)
        pnl = (position * Y).sum(-1)
        if cost:
            trade = position[1:] - position[:-1]
            pnl = pnl.at[1:].add(-cost * jnp.sqrt(trade**2 + 1e-8).sum(-1))
        return 252**0.5 * pnl.mean() / pnl.std(ddof=1) - ridge * (w @ w)

    return objective


def risk_parity(options):
    return lambda x, S, b: 0.5 * (x @ (S @ x)) - b @ jnp.log(x)


def risk_spread(options):
    def spread(w, S):
        share = w * (S @ w)
        return ((share[:, None] - share) ** 2).sum()

    return spread


def regression(options):
    """Layers 1-64-64-1; the last two arguments are x and y."""

    def loss(*arguments):
        *p, x, y = arguments
        h = jax.nn.relu(x @ p[0].T + p[1])
        h = jax.nn.relu(h @ p[2].T + p[3])
        return ((h @ p[4].T + p[5] - y) ** 2).mean()

    return loss


def value_and_gradient(f, count=1):
    def make(options):
        both = jax.value_and_grad(f(options), argnums=tuple(range(count)))

        def model(*arguments):
            result, gradients = both(*arguments)
            return (result, *gradients)

        return model

    return make


def hvp(f):
    def make(options):
        objective = f(options)
        return lambda w, v, *data: jax.jvp(jax.grad(lambda w: objective(w, *data)), (w,), (v,))[1]

    return make


def hessian(f):
    return lambda options: jax.hessian(f(options))


def reverse_hessian(f):
    return lambda options: jax.jacrev(jax.jacrev(f(options)))


MODELS = {
    ("w1", "value"): portfolio,
    ("w1", "value + gradient"): value_and_gradient(portfolio),
    ("w1", "Hessian x vector"): hvp(portfolio),
    ("w1", "Hessian"): hessian(portfolio),
    ("w3", "f: value + gradient"): value_and_gradient(risk_parity),
    ("w3", "f: Hessian x vector"): hvp(risk_parity),
    ("w3", "f: Hessian, forward over reverse"): hessian(risk_parity),
    ("w3", "f: Hessian, reverse over reverse"): reverse_hessian(risk_parity),
    ("w3", "F: value + gradient"): value_and_gradient(risk_spread),
    ("w3", "F: Hessian, forward over reverse"): hessian(risk_spread),
    ("w3", "F: Hessian, reverse over reverse"): reverse_hessian(risk_spread),
    ("w10", "FC: value + gradient"): value_and_gradient(regression, 6),
}


def compiled(model, given):
    model, arguments = jax.jit(model), [jnp.asarray(array) for array in given]

    def numpy_of(results):
        return [np.asarray(r) for r in (results if isinstance(results, tuple) else (results,))]

    return lambda: jax.block_until_ready(model(*arguments)), numpy_of


if __name__ == "__main__":
    harness.run("jax", jax.__version__, {"jit": compiled}, MODELS)
