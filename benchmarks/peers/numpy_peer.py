"""NumPy with its BLAS: values, gradients and Hessians derived by hand, as one would without a framework."""

import numpy as np

import harness


class Portfolio:
    """J(w) = sqrt(252) mean(R) / std(R) - ridge |w|^2, R_t = sum_n p_tn Y_tn, p = softmax(X w / temperature)."""

    def __init__(self, options):
        if options["cost"]:
            raise ValueError("trading costs are not derived here")
        self.temperature, self.ridge = options["temperature"], options["ridge"]

    def forward(self, w, X, Y):
        scores = X @ (w / self.temperature)
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        position = weights / weights.sum(-1, keepdims=True)
        return position, (position * Y).sum(-1)

    def sharpe(self, R):
        return 252**0.5 * R.mean() / R.std(ddof=1)

    def value(self, w, X, Y):
        return [self.sharpe(self.forward(w, X, Y)[1]) - self.ridge * (w @ w)]

    def value_and_gradient(self, w, X, Y):
        position, R = self.forward(w, X, Y)
        days, mean, std = R.size, R.mean(), R.std(ddof=1)
        # dJ/dR_t, and dR_t/dscore_tn = p_tn (Y_tn - R_t)
        slope = 252**0.5 * (1 / (days * std) - mean * (R - mean) / ((days - 1) * std**3))
        along = slope[:, None] * position * (Y - R[:, None])
        gradient = along.ravel() @ X.reshape(along.size, -1) / self.temperature
        return [self.sharpe(R) - self.ridge * (w @ w), gradient - 2 * self.ridge * w]


def risk_parity(x, S, b):
    along = S @ x
    return [0.5 * (x @ along) - b @ np.log(x), along - b / x]


MODELS = {
    ("w1", "value"): lambda options: Portfolio(options).value,
    ("w1", "value + gradient"): lambda options: Portfolio(options).value_and_gradient,
    ("w3", "f: value + gradient"): lambda options: risk_parity,
    ("w3", "f: Hessian x vector"): lambda options: lambda x, v, S, b: [S @ v + b / x**2 * v],
    ("w3", "f: Hessian, forward over reverse"): lambda options: lambda x, S, b: [S + np.diag(b / x**2)],
}

if __name__ == "__main__":
    modes = {"by_hand": lambda model, given: (lambda: model(*given), lambda results: results)}
    harness.run("numpy", np.__version__, modes, MODELS)
