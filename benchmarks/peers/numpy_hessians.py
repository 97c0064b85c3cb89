"""NumPy with its BLAS: two models of z = X w (+ b), derived by hand."""

import numpy as np

import harness


class Logistic:
    """mean(softplus(z) - y z), z = X w. With p = sigmoid(z) the gradient is X'(p - y) / n, the Hessian
    X' diag(p (1 - p)) X / n."""

    def curvature(self, w, X):
        p = 1 / (1 + np.exp(-(X @ w)))
        return p * (1 - p) / len(X)

    def value(self, w, X, y):
        z = X @ w
        return [np.mean(np.logaddexp(0, z) - y * z)]

    def value_and_gradient(self, w, X, y):
        z = X @ w
        return [np.mean(np.logaddexp(0, z) - y * z), (1 / (1 + np.exp(-z)) - y) @ X / len(X)]

    def product(self, w, v, X, y):
        return [(self.curvature(w, X) * (X @ v)) @ X]

    def hessian(self, w, X, y):
        return [X.T @ (self.curvature(w, X)[:, None] * X)]


class LogSumExp:
    """log(sum(exp(z))) + |w|^2, z = X w + b. With s = softmax(z) and m = X's the gradient is m + 2 w, the Hessian
    X' diag(s) X - m m' + 2."""

    def softmax(self, w, X, b):
        e = np.exp(X @ w + b)
        total = e.sum()
        return np.log(total) + w @ w, e / total

    def value(self, w, X, b):
        return [np.log(np.exp(X @ w + b).sum()) + w @ w]

    def value_and_gradient(self, w, X, b):
        value, s = self.softmax(w, X, b)
        return [value, s @ X + 2 * w]

    def product(self, w, v, X, b):
        s, along = self.softmax(w, X, b)[1], X @ v
        return [(s * (along - s @ along)) @ X + 2 * v]

    def hessian(self, w, X, b):
        s = self.softmax(w, X, b)[1]
        m = s @ X
        return [X.T @ (s[:, None] * X) - np.outer(m, m) + 2 * np.eye(len(w))]


MODELS = {"logistic": Logistic(), "log_sum_exp": LogSumExp()}
QUANTITIES = {"value": "value", "value + gradient": "value_and_gradient", "Hessian x vector": "product",
              "Hessian": "hessian"}


def prepared(quantity, model, given):
    derivative = getattr(model, QUANTITIES[quantity])
    return lambda: derivative(*given), lambda results: results


if __name__ == "__main__":
    harness.serve({"by_hand": prepared}, MODELS, harness.derivative_of)
