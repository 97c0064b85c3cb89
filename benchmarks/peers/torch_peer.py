"""PyTorch: eager, and torch.compile of torch.func."""

import torch

import harness

torch.set_default_dtype(torch.float64)


def portfolio(options):
    cost, temperature, ridge = options["cost"], options["temperature"], options["ridge"]

    def objective(w, X, Y):
        position = torch.softmax(X @ (w / temperature), -1)
        pnl = (position * Y).sum(-1)
        if cost:
            trade = position[1:] - position[:-1]
            paid = cost * torch.sqrt(trade**2 + 1e-8).sum(-1)
            pnl = torch.cat([pnl[:1], pnl[1:] - paid])
        return 252**0.5 * pnl.mean() / pnl.std() - ridge * (w @ w)

    return objective


def risk_parity(options):
    return lambda x, S, b: 0.5 * (x @ (S @ x)) - b @ torch.log(x)


def risk_spread(options):
    def spread(w, S):
        share = w * (S @ w)
        return ((share[:, None] - share) ** 2).sum()

    return spread


def regression(options):
    """Layers 1-64-64-1; the last two arguments are x and y."""

    def loss(*arguments):
        *p, x, y = arguments
        h = torch.relu(x @ p[0].T + p[1])
        h = torch.relu(h @ p[2].T + p[3])
        return ((h @ p[4].T + p[5] - y) ** 2).mean()

    return loss


def value(f):
    return lambda options: f(options)


def value_and_gradient(f, count=1):
    def make(options):
        objective = f(options)
        both = torch.func.grad_and_value(objective, argnums=tuple(range(count)))

        def model(*arguments):
            gradients, result = both(*arguments)
            return (result, *gradients)

        def tape(*arguments):
            wanted = [w.requires_grad_() for w in arguments[:count]]
            result = objective(*arguments)
            return (result, *torch.autograd.grad(result, wanted))

        model.eager = tape
        return model

    return make


def hvp(f):
    def make(options):
        objective = f(options)

        def model(w, v, *data):
            return torch.func.jvp(torch.func.grad(lambda w: objective(w, *data)), (w,), (v,))[1]

        def tape(w, v, *data):
            w.requires_grad_()
            (gradient,) = torch.autograd.grad(objective(w, *data), w, create_graph=True)
            return torch.autograd.grad(gradient @ v, w)[0]

        model.eager = tape
        return model

    return make


def hessian(f):
    return lambda options: torch.func.hessian(f(options))


def reverse_hessian(f):
    return lambda options: torch.func.jacrev(torch.func.jacrev(f(options)))


MODELS = {
    ("w1", "value"): value(portfolio),
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


def bound(model, given):
    tensors = [torch.from_numpy(array) for array in given]

    def numpy_of(results):
        return [r.detach().numpy() for r in (results if isinstance(results, tuple) else (results,))]

    return lambda: model(*tensors), numpy_of


MODES = {
    # Gradients by the tape, which is faster than torch.func; other rows have only the latter.
    "eager": lambda model, given: bound(getattr(model, "eager", model), given),
    "compile": lambda model, given: bound(torch.compile(model, dynamic=False), given),
}

if __name__ == "__main__":
    harness.run("torch", torch.__version__, MODES, MODELS, torch.set_num_threads)
