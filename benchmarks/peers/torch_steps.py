"""PyTorch's training steps: modules with Adam, eager, and with loss and gradient through torch.compile."""

import functools

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

import harness


class Dense(nn.Module):
    def __init__(self, start):
        super().__init__()
        self.first, self.second, self.last = nn.Linear(1, 64), nn.Linear(64, 64), nn.Linear(64, 1)

    def forward(self, x):
        return self.last(F.relu(self.second(F.relu(self.first(x)))))


class Cnn1d(nn.Module):
    def __init__(self, start):
        super().__init__()
        self.narrow, self.wide = nn.Conv1d(1, 16, 2), nn.Conv1d(16, 32, 2)
        self.hidden, self.last = nn.Linear(96, 50), nn.Linear(50, 1)

    def forward(self, x):
        seen = F.relu(self.wide(F.relu(self.narrow(x))))
        return self.last(F.relu(self.hidden(seen.flatten(1))))


class Recurrent(nn.Module):
    def __init__(self, start):
        super().__init__()
        hidden = start["last.weight"].shape[1]
        self.lstm, self.last = nn.LSTM(10, hidden, num_layers=2, batch_first=True), nn.Linear(hidden, 1)

    def forward(self, x):
        return self.last(self.lstm(x)[0][:, -1])


class TemporalBlock(nn.Module):
    def __init__(self, into, out, kernel, dilation):
        super().__init__()
        self.before = (kernel - 1) * dilation
        self.first = weight_norm(nn.Conv1d(into, out, kernel, dilation=dilation))
        self.second = weight_norm(nn.Conv1d(out, out, kernel, dilation=dilation))
        self.skip = nn.Conv1d(into, out, 1) if into != out else nn.Identity()

    def forward(self, x):
        y = F.relu(self.first(F.pad(x, (self.before, 0))))
        y = F.relu(self.second(F.pad(y, (self.before, 0))))
        return F.relu(y + self.skip(x))


class Tcn(nn.Module):
    def __init__(self, start):
        super().__init__()
        blocks = {f"block{i}": TemporalBlock(32 if i else 20, 32, 7, 2**i) for i in range(5)}
        self.blocks, self.last = nn.ModuleDict(blocks), nn.Linear(32, 1)

    def forward(self, x):
        for block in self.blocks.values():
            x = block(x)
        return self.last(x[:, :, -1])


class LeNet(nn.Module):
    def __init__(self, start):
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 32, 3), nn.Conv2d(32, 64, 3)
        self.hidden, self.last = nn.Linear(9216, 128), nn.Linear(128, 10)

    def forward(self, x):
        seen = F.max_pool2d(F.relu(self.second(F.relu(self.first(x)))), 2)
        return F.log_softmax(self.last(F.relu(self.hidden(seen.flatten(1)))), 1)


class FactorCnn(nn.Module):
    def __init__(self, start):
        super().__init__()
        self.first, self.second, self.third = nn.Conv1d(158, 64, 3), nn.Conv1d(64, 16, 3), nn.Conv1d(16, 4, 3)
        self.last = nn.Linear(4, 1)

    def forward(self, x):
        seen = F.relu(self.third(F.relu(self.second(F.relu(self.first(x.T[None]))))))
        return self.last(seen[:, :, -1])


NETWORKS = {"dense": (Dense, F.mse_loss), "cnn1d": (Cnn1d, F.mse_loss), "lstm": (Recurrent, F.mse_loss),
            "tcn": (Tcn, F.mse_loss), "lenet": (LeNet, F.nll_loss), "factor_cnn": (FactorCnn, F.mse_loss)}


def name_of(parameter):
    """As Diptych has it."""
    for ours, theirs in (("weight_g", "parametrizations.weight.original0"), ("weight_v", "parametrizations.weight.original1"),
                         ("block", "blocks.block")):
        parameter = parameter.replace(theirs, ours)
    return parameter


def prepared(compiler, network, start, x, y):
    make, loss_of = network
    x, y = torch.from_numpy(x), torch.from_numpy(y)
    model = make(start).to(x.dtype)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(torch.from_numpy(start[name_of(name)]))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001, fused=True)
    forward = compiler(lambda x, y: loss_of(model(x), y))

    def step():
        optimizer.zero_grad()
        loss = forward(x, y)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step, lambda: {name_of(name): p.detach().numpy() for name, p in model.named_parameters()}


def fresh(function):
    torch._dynamo.reset()
    return torch.compile(function, dynamic=False)


if __name__ == "__main__":
    torch.set_num_threads(harness.threads())
    harness.serve({"eager": functools.partial(prepared, lambda function: function),
                   "compile": functools.partial(prepared, fresh)}, NETWORKS, harness.steps_of)
