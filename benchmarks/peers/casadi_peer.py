"""CasADi: its virtual machine on expressions of matrices (MX), which it differentiates symbolically."""

import casadi as ca
import numpy as np

import harness


def portfolio(options):
    """X [T,N,K] as one matrix [T N, K], days one under the other."""
    cost, temperature, ridge = options["cost"], options["temperature"], options["ridge"]

    def objective(w, X, Y):
        days, stocks = Y.shape
        scores = ca.reshape(X @ (w / temperature), stocks, days)  # columns are days
        weights = ca.exp(scores - ca.repmat(ca.mmax(scores), stocks, days))
        position = weights / ca.repmat(ca.sum1(weights), stocks, 1)
        pnl = ca.sum1(position * Y.T).T
        if cost:
            trade = position[:, 1:] - position[:, :-1]
            paid = cost * ca.sum1(ca.sqrt(trade**2 + 1e-8)).T
            pnl = ca.vertcat(pnl[0], pnl[1:] - paid)
        average = ca.sum1(pnl) / days
        variance = ca.sumsqr(pnl - average) / (days - 1)
        return np.sqrt(252) * average / ca.sqrt(variance) - ridge * ca.sumsqr(w)

    return objective


def risk_parity(options):
    return lambda x, S, b: 0.5 * ca.dot(x, S @ x) - ca.dot(b, ca.log(x))


def risk_spread(options):
    def spread(w, S):
        share = w * (S @ w)
        n = w.shape[0]
        return ca.sumsqr(ca.repmat(share, 1, n) - ca.repmat(share.T, n, 1))

    return spread


def value(f):
    return lambda options: lambda w, *data: [f(options)(w, *data)]


def value_and_gradient(f):
    def make(options):
        def model(w, *data):
            result = f(options)(w, *data)
            return [result, ca.gradient(result, w)]

        return model

    return make


def hvp(f):
    def make(options):
        def model(w, v, *data):
            return [ca.jtimes(ca.gradient(f(options)(w, *data), w), w, v)]

        return model

    return make


def hessian(f):
    return lambda options: lambda w, *data: [ca.hessian(f(options)(w, *data), w)[0]]


MODELS = {
    ("w1", "value"): value(portfolio),
    ("w1", "value + gradient"): value_and_gradient(portfolio),
    ("w1", "Hessian x vector"): hvp(portfolio),
    ("w1", "Hessian"): hessian(portfolio),
    ("w3", "f: value + gradient"): value_and_gradient(risk_parity),
    ("w3", "f: Hessian x vector"): hvp(risk_parity),
    ("w3", "f: Hessian, forward over reverse"): hessian(risk_parity),
    ("w3", "F: value + gradient"): value_and_gradient(risk_spread),
    ("w3", "F: Hessian, forward over reverse"): hessian(risk_spread),
}


def machine(model, given):
    matrices = [array.reshape(-1, array.shape[-1]) if array.ndim == 3 else array for array in given]
    symbols = [ca.MX.sym(f"x{i}", *m.shape) for i, m in enumerate(matrices)]
    function = ca.Function("f", symbols, [ca.densify(result) for result in model(*symbols)])
    # Into and out of memory that is made once, by columns: no conversion is timed.
    buffer, evaluate = function.buffer()
    inputs = [np.array(m.ravel(order="F"), dtype=float) for m in matrices]
    outputs = [np.zeros(function.numel_out(i)) for i in range(function.n_out())]
    for i, m in enumerate(inputs):
        buffer.set_arg(i, memoryview(m))
    for i, m in enumerate(outputs):
        buffer.set_res(i, memoryview(m))

    def work(kept=(function, buffer, inputs)):  # the buffer holds bare pointers
        evaluate()

    def numpy_of(_):
        return [m.reshape(function.size_out(i), order="F") for i, m in enumerate(outputs)]

    return work, numpy_of


if __name__ == "__main__":
    harness.run("casadi", ca.__version__, {"machine": machine}, MODELS)
