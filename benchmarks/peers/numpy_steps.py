"""NumPy with its BLAS: a training step of the dense network, derived by hand."""

import numpy as np

import harness


def dense(p, x, y):
    """Loss and gradients; layers are x W' + b."""
    one = np.maximum(x @ p["first.weight"].T + p["first.bias"], 0)
    two = np.maximum(one @ p["second.weight"].T + p["second.bias"], 0)
    off = two @ p["last.weight"].T + p["last.bias"] - y
    gradients = {}

    def back(name, cotangent, given):
        gradients[f"{name}.weight"], gradients[f"{name}.bias"] = cotangent.T @ given, cotangent.sum(0)
        return cotangent @ p[f"{name}.weight"]

    through = back("last", 2 / off.size * off, two)
    through = back("second", through * (two > 0), one)
    back("first", through * (one > 0), x)
    return (off * off).mean(), gradients


NETWORKS = {"dense": dense}


def prepared(network, start, x, y):
    parameters = {name: p.copy() for name, p in start.items()}
    moments, squares = ({name: np.zeros_like(p) for name, p in start.items()} for _ in range(2))
    count = 0

    def step():
        nonlocal count
        count += 1
        loss, gradients = network(parameters, x, y)
        for name, g in gradients.items():
            m, v = moments[name], squares[name]
            m += 0.1 * (g - m)
            v += 0.001 * (g * g - v)
            parameters[name] -= 0.001 / (1 - 0.9**count) * m / (np.sqrt(v) / (1 - 0.999**count) ** 0.5 + 1e-8)
        return loss

    return step, lambda: parameters


if __name__ == "__main__":
    harness.serve({"by_hand": prepared}, NETWORKS, harness.steps_of)
