"""JAX's derivatives: jit of jax.value_and_grad, of a gradient's tangent and of jax.hessian."""

import jax
import jax.numpy as jnp
from jax.scipy.special import logsumexp

import harness
import jax_peer


def logistic(w, X, y):
    z = X @ w
    return jnp.mean(jax.nn.softplus(z) - y * z)


def log_sum_exp(w, X, b):
    return jnp.log(jnp.sum(jnp.exp(X @ w + b))) + w @ w


def rosenbrock(x):
    return jnp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def network(p, x, y):
    hidden = jnp.tanh(x @ p[:200].reshape(10, 20) + p[200:220])
    return jnp.mean((hidden @ p[220:240].reshape(20, 1) + p[240:] - y) ** 2)


def deep_network(p, x, y):
    hidden = jnp.tanh(jnp.tanh(x @ p[:128].reshape(8, 16)) @ p[128:384].reshape(16, 16))
    return jnp.mean((hidden @ p[384:].reshape(16, 1) - y) ** 2)


def mixture(p, X):
    share, centre, q = p[:5], p[5:30].reshape(5, 5), p[30:].reshape(5, 5)
    d = (X[:, None] - centre) * jnp.exp(q)
    density = share + q.sum(1) - 0.5 * (d * d).sum(-1)
    return len(X) * logsumexp(share) - logsumexp(density, -1).sum()


def sharpe(w, R):
    r = R @ jax.nn.softmax(w)
    return -(252**0.5) * r.mean() / r.std(ddof=1)


MODELS = {f.__name__: f for f in (logistic, log_sum_exp, rosenbrock, network, deep_network, mixture, sharpe)}
QUANTITIES = {"value": lambda make: make, "value + gradient": jax_peer.value_and_gradient,
              "Hessian x vector": jax_peer.hvp, "Hessian": jax_peer.hessian}


def prepared(quantity, model, given):
    return jax_peer.compiled(QUANTITIES[quantity](lambda options: model)({}), given)


if __name__ == "__main__":
    harness.serve({"jit": prepared}, MODELS, harness.derivative_of)
