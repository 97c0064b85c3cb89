"""PyTorch's derivatives: by the tape and torch.func.hessian, and torch.compile of torch.func."""

import functools

import torch
import torch.nn.functional as F

import harness
import torch_peer


def logistic(w, X, y):
    z = X @ w
    return (F.softplus(z, threshold=1e3) - y * z).mean()


def log_sum_exp(w, X, b):
    return torch.log(torch.exp(X @ w + b).sum()) + w @ w


def rosenbrock(x):
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def network(p, x, y):
    hidden = torch.tanh(x @ p[:200].reshape(10, 20) + p[200:220])
    return ((hidden @ p[220:240].reshape(20, 1) + p[240:] - y) ** 2).mean()


def deep_network(p, x, y):
    hidden = torch.tanh(torch.tanh(x @ p[:128].reshape(8, 16)) @ p[128:384].reshape(16, 16))
    return ((hidden @ p[384:].reshape(16, 1) - y) ** 2).mean()


def mixture(p, X):
    share, centre, q = p[:5], p[5:30].reshape(5, 5), p[30:].reshape(5, 5)
    d = (X[:, None] - centre) * torch.exp(q)
    density = share + q.sum(1) - 0.5 * (d * d).sum(-1)
    return len(X) * torch.logsumexp(share, 0) - torch.logsumexp(density, -1).sum()


def sharpe(w, R):
    r = R @ torch.softmax(w, 0)
    return -(252**0.5) * r.mean() / r.std()


MODELS = {f.__name__: f for f in (logistic, log_sum_exp, rosenbrock, network, deep_network, mixture, sharpe)}
QUANTITIES = {"value": torch_peer.value, "value + gradient": torch_peer.value_and_gradient,
              "Hessian x vector": torch_peer.hvp, "Hessian": torch_peer.hessian}


def prepared(mode, quantity, model, given):
    torch._dynamo.reset()  # one code object serves all models: its recompilations are counted
    return torch_peer.MODES[mode](QUANTITIES[quantity](lambda options: model)({}), given)


if __name__ == "__main__":
    torch.set_num_threads(harness.threads())
    harness.serve({mode: functools.partial(prepared, mode) for mode in torch_peer.MODES}, MODELS, harness.derivative_of)
