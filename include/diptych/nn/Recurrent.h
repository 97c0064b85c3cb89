// Recurrent layers: RNN, GRU, LSTM. Definitions, names and initial distributions are PyTorch's. The
// steps in time are unrolled: a traced program holds each, so long sequences compile slowly.
#pragma once

#include <utility>

#include <diptych/Factories.h>
#include <diptych/nn/Module.h>

namespace diptych::nn {

struct RecurrentOptions {
  int64_t num_layers = 1;
  bool bias = true;
  /// [N,T,in] and [N,T,out] in place of [T,N,in] and [T,N,out]. The states stay [layers, N, H].
  bool batch_first = false;
  /// Between layers, in training; keys as Dropout takes them.
  double dropout = 0;
  bool bidirectional = false;
  DType dtype = default_dtype();
};

/// What the three have in common. Parameters for layer k: weight_ih_lk [gates H, in] and
/// weight_hh_lk [gates H, H], bias_ih_lk and bias_hh_lk [gates H], and the same with _reverse; all
/// uniform within 1/sqrt(H).
class Recurrent : public Module {
protected:
  struct Cell {
    Parameter inputWeight, hiddenWeight, inputBias, hiddenBias;
  };
  // One step: gates of the input [N, gates H], and the states so far, to the states after it.
  using Step = std::function<std::vector<Tensor>(const Tensor& fromInput, const Cell& cell,
                                                 const std::vector<Tensor>& states)>;
  struct Result {
    Tensor output;
    std::vector<Tensor> states;
  };

  Recurrent(const std::string& kind, int64_t gates, int64_t input, int64_t hidden,
            const RecurrentOptions& options);
  /// `states` has one tensor for each state of a cell, [layers directions, N, H]; empty: zeros.
  Result run(const Tensor& x, std::vector<Tensor> states, int stateCount, const Step& step) const;
  Tensor fromHidden(const Cell& cell, const Tensor& h) const;

private:
  Result runLayer(const Tensor& x, size_t index, std::vector<Tensor> states, bool reversed,
                  const Step& step) const;
  void checkInput(const Tensor& x) const;
  void checkStates(const std::vector<Tensor>& states, const Shape& shape) const;

  RecurrentOptions options_;
  int64_t input_, hidden_;
  std::vector<Cell> cells_; // layer by layer, forward before reverse
};

struct RNNOptions : RecurrentOptions {
  enum class Nonlinearity { tanh, relu } nonlinearity = Nonlinearity::tanh;
};
/// h' = tanh(W_ih x + b_ih + W_hh h + b_hh). x [T,N,in], or [T,in] without a batch; h
/// [layers directions, N, H], or without N. Returns (every h of the last layer [T,N,directions H],
/// the last h of every layer).
class RNN : public Recurrent {
public:
  RNN(int64_t input_size, int64_t hidden_size, const RNNOptions& options = {});
  std::pair<Tensor, Tensor> forward(const Tensor& x, const Tensor& h = {}) const;
  std::pair<Tensor, Tensor>
  operator()(const Tensor& x, const Tensor& h = {},
             SourceLocation where = std::source_location::current()) const;

private:
  bool relu_;
};

/// r, z = sigmoid(W_i x + b_i + W_h h + b_h); n = tanh(W_in x + b_in + r (W_hn h + b_hn));
/// h' = (1 - z) n + z h. Gates lie in the order r, z, n. Shapes as RNN.
class GRU : public Recurrent {
public:
  GRU(int64_t input_size, int64_t hidden_size, const RecurrentOptions& options = {});
  std::pair<Tensor, Tensor> forward(const Tensor& x, const Tensor& h = {}) const;
  std::pair<Tensor, Tensor>
  operator()(const Tensor& x, const Tensor& h = {},
             SourceLocation where = std::source_location::current()) const;

private:
  int64_t size_;
};

/// i, f, o = sigmoid(...), g = tanh(...) of W_i x + b_i + W_h h + b_h; c' = f c + i g;
/// h' = o tanh(c'). Gates lie in the order i, f, g, o. Returns (output, (h, c)), shapes as RNN.
class LSTM : public Recurrent {
public:
  using States = std::pair<Tensor, Tensor>;
  LSTM(int64_t input_size, int64_t hidden_size, const RecurrentOptions& options = {});
  std::pair<Tensor, States> forward(const Tensor& x) const;
  std::pair<Tensor, States> forward(const Tensor& x, const States& states) const;
  std::pair<Tensor, States>
  operator()(const Tensor& x, SourceLocation where = std::source_location::current()) const;
  std::pair<Tensor, States>
  operator()(const Tensor& x, const States& states,
             SourceLocation where = std::source_location::current()) const;

private:
  std::pair<Tensor, States> stepped(const Tensor& x, std::vector<Tensor> states) const;
  int64_t size_;
};

} // namespace diptych::nn
