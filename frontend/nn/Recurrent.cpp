// Recurrent layers: the loop over layers, directions and time is one; a cell is what differs.
#include <diptych/nn/Recurrent.h>

#include <diptych/Ops.h>
#include <diptych/nn/Init.h>
#include <diptych/nn/Layers.h>

#include "frontend/Ops.h"
#include "frontend/nn/Linear.h"

#include <algorithm>
#include <cmath>

namespace diptych::nn {

using diptych::detail::located;
using diptych::detail::misuse;

Recurrent::Recurrent(const std::string& kind, int64_t gates, int64_t input, int64_t hidden,
                     const RecurrentOptions& options)
    : Module(kind), options_(options), input_(input), hidden_(hidden) {
  if (input < 1 || hidden < 1 || options.num_layers < 1)
    misuse(kind.c_str(), "sizes and layers of at least 1",
           std::to_string(input) + ", " + std::to_string(hidden) + ", " +
               std::to_string(options.num_layers),
           "check the constructor's arguments");
  const double bound = 1 / std::sqrt(static_cast<double>(hidden));
  const int directions = options.bidirectional ? 2 : 1;
  for (int64_t layer = 0; layer < options.num_layers; ++layer)
    for (int direction = 0; direction < directions; ++direction) {
      const std::string end = "_l" + std::to_string(layer) + (direction ? "_reverse" : "");
      const int64_t in = layer == 0 ? input : hidden * directions;
      const auto made = [&](const char* start, const Shape& shape) {
        return register_parameter(start + end, init::uniform(shape, -bound, bound, options.dtype));
      };
      Cell cell;
      cell.inputWeight = made("weight_ih", {gates * hidden, in});
      cell.hiddenWeight = made("weight_hh", {gates * hidden, hidden});
      if (options.bias) {
        cell.inputBias = made("bias_ih", {gates * hidden});
        cell.hiddenBias = made("bias_hh", {gates * hidden});
      }
      cells_.push_back(cell);
    }
}

void Recurrent::checkInput(const Tensor& x) const {
  const std::string batched = options_.batch_first ? "[N,T," : "[T,N,";
  if ((x.rank() != 2 && x.rank() != 3) || x.shape().back() != input_)
    misuse(kind().c_str(),
           batched + std::to_string(input_) + "] or [T," + std::to_string(input_) + "]",
           x.type().str(), "the last extent is input_size");
  if (x.shape()[x.rank() == 3 && options_.batch_first ? 1 : 0] < 1)
    misuse(kind().c_str(), "at least one step in time", x.type().str(), "check the axes");
}

void Recurrent::checkStates(const std::vector<Tensor>& states, const Shape& shape) const {
  for (const Tensor& state : states)
    if (!(state.shape() == shape))
      misuse(kind().c_str(), "states of shape " + shape.str(), state.type().str(),
             "one row of states for each layer and direction");
}

Tensor Recurrent::fromHidden(const Cell& cell, const Tensor& h) const {
  return linear(kind().c_str(), h, *cell.hiddenWeight, cell.hiddenBias);
}

// x [T,N,in]; the product with the input is one for all times.
Recurrent::Result Recurrent::runLayer(const Tensor& x, size_t index, std::vector<Tensor> states,
                                      bool reversed, const Step& step) const {
  const Cell& cell = cells_[index];
  const Tensor fromInput = linear(kind().c_str(), x, *cell.inputWeight, cell.inputBias);
  const int64_t steps = x.shape()[0];
  std::vector<Tensor> outputs(static_cast<size_t>(steps));
  for (int64_t i = 0; i < steps; ++i) {
    const int64_t t = reversed ? steps - 1 - i : i;
    states = step(select(fromInput, 0, t), cell, states);
    outputs[static_cast<size_t>(t)] = states[0];
  }
  return {stack(outputs), std::move(states)};
}

Recurrent::Result Recurrent::run(const Tensor& input, std::vector<Tensor> states, int stateCount,
                                 const Step& step) const {
  checkInput(input);
  const bool unbatched = input.rank() == 2;
  const bool transposed = !unbatched && options_.batch_first;
  Tensor x = unbatched ? unsqueeze(input, 1) : transposed ? transpose(input, 0, 1) : input;
  const int64_t rows = static_cast<int64_t>(cells_.size()), batch = x.shape()[1];
  if (states.empty())
    states.assign(static_cast<size_t>(stateCount), zeros({rows, batch, hidden_}, input.dtype()));
  else if (unbatched)
    for (Tensor& state : states)
      state = state.rank() == 2 ? unsqueeze(state, 1) : state;
  checkStates(states, {rows, batch, hidden_});

  const size_t directions = options_.bidirectional ? 2 : 1;
  std::vector<std::vector<Tensor>> last(static_cast<size_t>(stateCount));
  Dropout dropout(options_.dropout);
  dropout.train(is_training());
  for (size_t index = 0; index < cells_.size(); index += directions) {
    if (index > 0)
      x = dropout.forward(x);
    std::vector<Tensor> outputs;
    for (size_t direction = 0; direction < directions; ++direction) {
      const size_t cell = index + direction;
      std::vector<Tensor> own;
      for (const Tensor& state : states)
        own.push_back(select(state, 0, static_cast<int64_t>(cell)));
      const Result result = runLayer(x, cell, own, direction == 1, step);
      outputs.push_back(result.output);
      for (size_t s = 0; s < last.size(); ++s)
        last[s].push_back(result.states[s]);
    }
    x = directions == 1 ? outputs[0] : concatenate(outputs, 2);
  }
  Result result{unbatched ? squeeze(x, 1) : transposed ? transpose(x, 0, 1) : x, {}};
  for (const std::vector<Tensor>& rowsOf : last) {
    const Tensor all = stack(rowsOf);
    result.states.push_back(unbatched ? squeeze(all, 1) : all);
  }
  return result;
}

// Part k of the gates [N, gates H].
static Tensor gate(const Tensor& gates, int64_t k, int64_t size) {
  return slice(gates, 1, k * size, (k + 1) * size);
}

RNN::RNN(int64_t input, int64_t hidden, const RNNOptions& options)
    : Recurrent("RNN", 1, input, hidden, options),
      relu_(options.nonlinearity == RNNOptions::Nonlinearity::relu) {}

std::pair<Tensor, Tensor> RNN::forward(const Tensor& x, const Tensor& h) const {
  const Step step = [this](const Tensor& fromInput, const Cell& cell,
                           const std::vector<Tensor>& states) -> std::vector<Tensor> {
    const Tensor sum = fromInput + fromHidden(cell, states[0]);
    return {relu_ ? relu(sum) : tanh(sum)};
  };
  Result result = run(x, h.defined() ? std::vector{h} : std::vector<Tensor>{}, 1, step);
  return {result.output, result.states[0]};
}

GRU::GRU(int64_t input, int64_t hidden, const RecurrentOptions& options)
    : Recurrent("GRU", 3, input, hidden, options), size_(hidden) {}

std::pair<Tensor, Tensor> GRU::forward(const Tensor& x, const Tensor& h) const {
  const Step step = [this](const Tensor& in, const Cell& cell,
                           const std::vector<Tensor>& states) -> std::vector<Tensor> {
    const Tensor own = fromHidden(cell, states[0]);
    const Tensor r = sigmoid(gate(in, 0, size_) + gate(own, 0, size_));
    const Tensor z = sigmoid(gate(in, 1, size_) + gate(own, 1, size_));
    const Tensor n = tanh(gate(in, 2, size_) + r * gate(own, 2, size_));
    return {(1 - z) * n + z * states[0]};
  };
  Result result = run(x, h.defined() ? std::vector{h} : std::vector<Tensor>{}, 1, step);
  return {result.output, result.states[0]};
}

LSTM::LSTM(int64_t input, int64_t hidden, const RecurrentOptions& options)
    : Recurrent("LSTM", 4, input, hidden, options), size_(hidden) {}

std::pair<Tensor, LSTM::States> LSTM::stepped(const Tensor& x, std::vector<Tensor> given) const {
  const Step step = [this](const Tensor& in, const Cell& cell,
                           const std::vector<Tensor>& states) -> std::vector<Tensor> {
    const Tensor gates = in + fromHidden(cell, states[0]);
    const Tensor i = sigmoid(gate(gates, 0, size_)), f = sigmoid(gate(gates, 1, size_));
    const Tensor g = tanh(gate(gates, 2, size_)), o = sigmoid(gate(gates, 3, size_));
    const Tensor c = f * states[1] + i * g;
    return {o * tanh(c), c};
  };
  Result result = run(x, std::move(given), 2, step);
  return {result.output, {result.states[0], result.states[1]}};
}

std::pair<Tensor, LSTM::States> LSTM::forward(const Tensor& x) const { return stepped(x, {}); }
std::pair<Tensor, LSTM::States> LSTM::forward(const Tensor& x, const States& states) const {
  return stepped(x, {states.first, states.second});
}

//===-- Calls, with the user's line ----------------------------------------------------------===//

std::pair<Tensor, Tensor> RNN::operator()(const Tensor& x, const Tensor& h,
                                          SourceLocation where) const {
  return located(where, [&] { return forward(x, h); });
}
std::pair<Tensor, Tensor> GRU::operator()(const Tensor& x, const Tensor& h,
                                          SourceLocation where) const {
  return located(where, [&] { return forward(x, h); });
}
std::pair<Tensor, LSTM::States> LSTM::operator()(const Tensor& x, SourceLocation where) const {
  return located(where, [&] { return forward(x); });
}
std::pair<Tensor, LSTM::States> LSTM::operator()(const Tensor& x, const States& states,
                                                 SourceLocation where) const {
  return located(where, [&] { return forward(x, states); });
}

} // namespace diptych::nn
