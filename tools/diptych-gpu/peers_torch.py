"""PyTorch, eager and through torch.compile, and a hand-written kernel in Triton where a row fits a block."""
import time

NEEDS = ("torch",)


def operations(torch):
    """Of the names' beginnings: functions of tensors to a list of results."""
    F = torch.nn.functional

    def portfolio(w, X, Y):
        def objective(w):
            position = torch.softmax(X @ w, -1)
            earned = (position * Y).sum(-1)
            return 252.0**0.5 * earned.mean() / earned.std() - 0.05 * torch.dot(w, w)

        slope, value = torch.func.grad_and_value(objective)(w)
        return [value, slope]

    def parity(x, S, b):
        def f(x):
            return 0.5 * torch.dot(x, S @ x) - torch.dot(b, torch.log(x))

        return [f(x), torch.func.grad(f)(x), torch.func.hessian(f)(x)]

    def convolution(x, w, b):
        def loss(x, w, b):
            return F.conv2d(x, w, b).square().sum()

        slopes, value = torch.func.grad_and_value(loss, argnums=(0, 1, 2))(x, w, b)
        return [value, *slopes]

    return {
        "add": lambda x, y: [x + y],
        "five operators": lambda x, y: [(x * y + 2.0) * x - y * 0.5],
        "tanh and exp": lambda x, y: [torch.tanh(x) * torch.exp(y)],
        "transpose": lambda x, y: [x.T + y],
        "sum all": lambda x: [x.sum()],
        "sum rows": lambda x: [x.sum(1)],
        "sum wide rows": lambda x: [x.sum(1)],
        "sum columns": lambda x: [x.sum(0)],
        "softmax": lambda x: [torch.softmax(x, -1)],
        "layer norm": lambda x: [F.layer_norm(x, (x.shape[-1],), eps=1e-5)],
        "cumsum rows": lambda x: [torch.cumsum(x, 1)],
        "matmul": lambda x, y: [x @ y],
        "W1": portfolio,
        "W3": parity,
        "W9": convolution,
    }


def operationOf(table, name):
    return table[max((key for key in table if name.startswith(key)), key=len)]


def tritonKernels():
    """Rows in one block each; None where there is no Triton."""
    try:
        import triton
    except ImportError:
        return None
    from peers_triton import layerNorm, softmax

    def launch(kernel):
        def run(x):
            import torch

            out = torch.empty_like(x)
            block = triton.next_power_of_2(x.shape[1])
            kernel[(x.shape[0],)](out, x, x.shape[1], BLOCK=block, num_warps=min(max(block // 256, 1), 16))
            return [out]

        return run

    return {"softmax f32": launch(softmax), "layer norm f32": launch(layerNorm)}


class Training:
    """W8: forward, loss, backward and Adam; parameters and data by the benchmark's formula."""

    def __init__(self, torch, name, device, numbers, tiny):
        self.torch = torch
        F = torch.nn.functional
        if name == "W8 dense":
            shapes = {"first.bias": (64,), "first.weight": (64, 1), "last.bias": (1,), "last.weight": (1, 64),
                      "second.bias": (64,), "second.weight": (64, 64)}
            n = 10 if tiny else 1000
            self.x = torch.linspace(-10, 10, n, dtype=torch.float64, device=device).reshape(n, 1)
            self.y = 2 * self.x + 3
            self.forward = lambda p, x: F.linear(F.relu(F.linear(F.relu(F.linear(
                x, p["first.weight"], p["first.bias"])), p["second.weight"], p["second.bias"])),
                p["last.weight"], p["last.bias"])
            self.loss = F.mse_loss
        else:
            shapes = {"first.bias": (32,), "first.weight": (32, 1, 3, 3), "hidden.bias": (128,),
                      "hidden.weight": (128, 9216), "last.bias": (10,), "last.weight": (10, 128),
                      "second.bias": (64,), "second.weight": (64, 32, 3, 3)}
            self.x = torch.tensor(numbers((64, 1, 28, 28), "float64", 99), device=device)
            self.y = torch.arange(64, device=device) % 10

            def forward(p, x):
                seen = F.relu(F.conv2d(F.relu(F.conv2d(x, p["first.weight"], p["first.bias"])),
                                       p["second.weight"], p["second.bias"]))
                hidden = F.relu(F.linear(F.max_pool2d(seen, 2).reshape(-1, 9216), p["hidden.weight"], p["hidden.bias"]))
                return F.log_softmax(F.linear(hidden, p["last.weight"], p["last.bias"]), 1)

            self.forward, self.loss = forward, F.nll_loss
        self.start = {key: torch.tensor(0.2 * numbers(shape, "float64", i + 1), device=device)
                      for i, (key, shape) in enumerate(shapes.items())}

    def step(self, parameters, moments, squares, count):
        """Adam written out, so that all of a step can be compiled."""
        torch = self.torch
        leaves = list(parameters)
        slopes, value = torch.func.grad_and_value(
            lambda p: self.loss(self.forward(dict(zip(self.start, p)), self.x), self.y))(leaves)
        count = count + 1
        moments = [0.9 * m + 0.1 * g for m, g in zip(moments, slopes)]
        squares = [0.999 * v + 0.001 * g * g for v, g in zip(squares, slopes)]
        rate = 0.001 / (1 - 0.9**count)
        parameters = [p - rate * m / (torch.sqrt(v / (1 - 0.999**count)) + 1e-8)
                      for p, m, v in zip(leaves, moments, squares)]
        return value, parameters, moments, squares, count

    def runner(self, step):
        torch = self.torch
        state = [list(self.start.values()), [torch.zeros_like(p) for p in self.start.values()],
                 [torch.zeros_like(p) for p in self.start.values()], torch.zeros((), dtype=torch.float64,
                                                                                device=self.x.device)]

        def run():
            value, *state[:] = step(*state)
            return value

        return run

    def withOptimiser(self):
        """As it is usually written: autograd and torch.optim.Adam."""
        torch = self.torch
        parameters = {key: p.clone().requires_grad_() for key, p in self.start.items()}
        optimiser = torch.optim.Adam(list(parameters.values()), lr=0.001)

        def run():
            optimiser.zero_grad()
            value = self.loss(self.forward(parameters, self.x), self.y)
            value.backward()
            optimiser.step()
            return value

        return run

    def asGraph(self):
        """A whole step as one CUDA graph: state in place."""
        torch = self.torch
        parameters = {key: p.clone().requires_grad_() for key, p in self.start.items()}
        optimiser = torch.optim.Adam(list(parameters.values()), lr=0.001, capturable=True)

        def once():
            optimiser.zero_grad(set_to_none=False)
            value = self.loss(self.forward(parameters, self.x), self.y)
            value.backward()
            optimiser.step()
            return value

        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(2):
                value = once()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            value = once()

        def run():
            graph.replay()
            return value

        return run


class Peer:
    def __init__(self, device):
        import torch

        if device == "cuda" and not torch.cuda.is_available():
            raise RuntimeError("PyTorch sees no GPU")
        self.torch, self.device = torch, device
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False
        self.table, self.triton = operations(torch), tritonKernels()

    def versions(self):
        versions = {"torch": self.torch.__version__}
        if self.triton:
            import triton

            versions["triton"] = triton.__version__
        return versions

    def measure(self, run, count):
        torch = self.torch
        if self.device != "cuda":
            start = time.perf_counter()
            for _ in range(count):
                run()
            return time.perf_counter() - start
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        for _ in range(count):
            run()
        end.record()
        end.synchronize()
        return 1e-3 * begin.elapsed_time(end)

    def release(self):
        self.torch._dynamo.reset()
        if self.device == "cuda":
            self.torch.cuda.empty_cache()

    def peers(self, name, inputs):
        if name.startswith("W8"):
            yield from self.trainings(name)
            return
        operation = operationOf(self.table, name)
        kept = []

        def prepared(function):
            def prepare():
                if not kept:
                    kept.extend(self.torch.tensor(x, device=self.device) for x in inputs())
                return (lambda: function(*kept)), [x.detach().cpu().numpy() for x in function(*kept)]

            return prepare

        yield "torch", prepared(operation)
        if not name.startswith("matmul"):  # its products are cuBLAS's in either case
            yield "torch.compile", prepared(self.torch.compile(operation))
        if self.triton and name in self.triton:
            yield "triton", prepared(self.triton[name])

    def trainings(self, name):
        from peers import numbers

        made = []

        def training():
            if not made:
                made.append(Training(self.torch, name, self.device, numbers, self.device != "cuda"))
            return made[0]

        def prepared(runner, done=0):
            def prepare():
                run = runner(training())
                for _ in range(3 - done):
                    value = run()
                return run, float(value.detach())

            return prepare

        yield "torch", prepared(lambda t: t.withOptimiser())
        yield "torch.compile", prepared(lambda t: t.runner(self.torch.compile(t.step)))
        if self.device == "cuda":
            yield "torch CUDA graph", prepared(lambda t: t.asGraph(), done=2)
