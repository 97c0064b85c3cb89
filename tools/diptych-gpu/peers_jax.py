"""JAX, jitted."""
import time

NEEDS = ("jax",)


def operations(jax):
    jnp = jax.numpy

    def portfolio(w, X, Y):
        def objective(w):
            position = jax.nn.softmax(X @ w, -1)
            earned = (position * Y).sum(-1)
            return 252.0**0.5 * earned.mean() / earned.std(ddof=1) - 0.05 * jnp.dot(w, w)

        return list(jax.value_and_grad(objective)(w))

    def parity(x, S, b):
        def f(x):
            return 0.5 * jnp.dot(x, S @ x) - jnp.dot(b, jnp.log(x))

        return [f(x), jax.grad(f)(x), jax.hessian(f)(x)]

    def convolution(x, w, b):
        def loss(x, w, b):
            out = jax.lax.conv_general_dilated(x, w, (1, 1), "VALID", dimension_numbers=("NCHW", "OIHW", "NCHW"))
            return jnp.square(out + b[None, :, None, None]).sum()

        value, slopes = jax.value_and_grad(loss, argnums=(0, 1, 2))(x, w, b)
        return [value, *slopes]

    def layerNorm(x):
        centred = x - x.mean(-1, keepdims=True)
        return [centred / jnp.sqrt(jnp.square(centred).mean(-1, keepdims=True) + 1e-5)]

    return {
        "add": lambda x, y: [x + y],
        "five operators": lambda x, y: [(x * y + 2.0) * x - y * 0.5],
        "tanh and exp": lambda x, y: [jnp.tanh(x) * jnp.exp(y)],
        "transpose": lambda x, y: [x.T + y],
        "sum all": lambda x: [x.sum()],
        "sum rows": lambda x: [x.sum(1)],
        "sum wide rows": lambda x: [x.sum(1)],
        "sum columns": lambda x: [x.sum(0)],
        "softmax": lambda x: [jax.nn.softmax(x, -1)],
        "layer norm": layerNorm,
        "cumsum rows": lambda x: [jnp.cumsum(x, 1)],
        "matmul": lambda x, y: [x @ y],
        "W1": portfolio,
        "W3": parity,
        "W9": convolution,
    }


class Peer:
    def __init__(self, device):
        import jax

        jax.config.update("jax_enable_x64", True)
        jax.config.update("jax_default_matmul_precision", "highest")
        place = jax.devices()[0]
        if device == "cuda" and place.platform not in ("gpu", "cuda"):
            raise RuntimeError(f"JAX sees no GPU, only {place}")
        self.jax, self.table = jax, operations(jax)

    def versions(self):
        return {"jax": self.jax.__version__}

    def measure(self, run, count):
        start = time.perf_counter()
        for _ in range(count):
            last = run()
        self.jax.block_until_ready(last)
        return time.perf_counter() - start

    def release(self):
        self.jax.clear_caches()

    def peers(self, name, inputs):
        if name.startswith("W8"):
            return
        from peers_torch import operationOf

        operation = self.jax.jit(operationOf(self.table, name))

        def prepare():
            there = [self.jax.numpy.asarray(x) for x in inputs()]
            return (lambda: operation(*there)), operation(*there)

        yield "jax.jit", prepare
