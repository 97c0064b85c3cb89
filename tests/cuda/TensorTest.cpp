// Tensors on the device through the whole of eager mode: the same values as on the CPU, gradients
// where their tensors are, and no silent meeting of two devices.
#include "tests/cuda/Device.h"

#include <diptych/nn/nn.h>
#include <diptych/optim/Optimizers.h>

#include <sstream>

using namespace diptych;

namespace {

class DeviceTensor : public test::OnDevice {};

std::vector<double> numbers(const Tensor& x) { return x.to_vector<double>(); }

const Tensor data = tensor({{1.0, -2.0, 3.0}, {0.5, 4.0, -1.5}});

TEST_F(DeviceTensor, GoesThereAndBack) {
  const Tensor x = data.to("cuda");
  EXPECT_EQ(x.device(), "cuda");
  EXPECT_EQ(x.to("cuda").value(), x.value());
  EXPECT_EQ(x.to("cpu").device(), "cpu");
  EXPECT_EQ(numbers(x), numbers(data));
  EXPECT_EQ(numbers(transpose(x)), numbers(transpose(data)));
  EXPECT_EQ(x.to("cpu").data<double>()[4], 4.0);
  EXPECT_EQ(select(select(x, 0, 1), 0, 1).item<double>(), 4.0);
}

TEST_F(DeviceTensor, PrintsAsOnTheHost) {
  std::ostringstream here, there;
  here << transpose(data);
  there << transpose(data.to("cuda"));
  EXPECT_EQ(here.str(), there.str());
}

TEST_F(DeviceTensor, OperatorsStayThere) {
  const Tensor x = data.to("cuda");
  const auto same = [](const Tensor& there, const Tensor& here) {
    EXPECT_EQ(there.device(), "cuda");
    EXPECT_EQ(numbers(there), numbers(here));
  };
  same(exp(x) + 2 * x, exp(data) + 2 * data);
  same(sum(x, 0), sum(data, 0));
  same(matmul(x, transpose(x)), matmul(data, transpose(data)));
  same(concatenate({x, slice(x, 1, 1, 3)}, 1), concatenate({data, slice(data, 1, 1, 3)}, 1));
  same(pad(x, {{1, 0}, {0, 2}}, 7), pad(data, {{1, 0}, {0, 2}}, 7));
  same(cumsum(x, 1), cumsum(data, 1));
  same(sort(x, 1), sort(data, 1));
  same(softmax(x, 1), softmax(data, 1));
  same(reshape(transpose(x), {2, 3}), reshape(transpose(data), {2, 3}));
  same(x.astype(f32).astype(f64), data.astype(f32).astype(f64));
  same(take(x, tensor<int64_t>({2, 0}).to("cuda"), 1), take(data, tensor<int64_t>({2, 0}), 1));
}

TEST_F(DeviceTensor, NumbersAndRangesJoin) {
  const Tensor x = data.to("cuda");
  EXPECT_EQ(numbers(x + arange(3.0)), numbers(data + arange(3.0)));
  EXPECT_EQ(numbers(x * tensor(2.0)), numbers(data * 2));
  EXPECT_EQ(numbers(where(x > 0, x, zeros({2, 3}))), numbers(where(data > 0, data, zeros({2, 3}))));
  EXPECT_EQ(zeros_like(x).device(), "cuda");
  EXPECT_EQ(numbers(tril(x)), numbers(tril(data)));
  EXPECT_GT(device_stats().joins, 0);
}

TEST_F(DeviceTensor, DataOfTwoDevicesDoNotMeet) {
  const Tensor x = data.to("cuda");
  EXPECT_ERROR_HERE(x + data, "add: expected operands on one device",
                    "f64[2,3] on cuda, f64[2,3] on cpu", "to(\"cuda\")");
  EXPECT_ERROR_HERE(matmul(transpose(data), x), "matmul:", "on cpu");
  EXPECT_ERROR_HERE(x * tensor(2.0).requires_grad_(), "requires grad joins no other device");
  EXPECT_ERROR_HERE(x.data<double>(), "data: expected a tensor on the CPU", "on cuda");
}

TEST_F(DeviceTensor, GradientsAreWhereTheirTensorsAre) {
  const Tensor here = data.detach().requires_grad_();
  const Tensor there = data.to("cuda").requires_grad_();
  sum(tanh(here) * here).backward();
  sum(tanh(there) * there).backward();
  EXPECT_EQ(there.grad().device(), "cuda");
  EXPECT_EQ(numbers(there.grad()), numbers(here.grad()));
  // Through a move the gradient comes back.
  const Tensor moved = data.detach().requires_grad_();
  const Tensor y = moved.to("cuda");
  sum(tanh(y) * y).backward();
  EXPECT_EQ(moved.grad().device(), "cpu");
  EXPECT_EQ(numbers(moved.grad()), numbers(here.grad()));
}

TEST_F(DeviceTensor, TransformsOfTransforms) {
  const auto f = [](const Tensor& x) { return sum(exp(x) * x * x); };
  const Tensor x = tensor({0.5, -1.0}).to("cuda");
  EXPECT_EQ(numbers(hessian(f)(x)), numbers(hessian(f)(x.to("cpu"))));
  const auto g = [](const Tensor& row) { return sum(sin(row)); };
  EXPECT_EQ(numbers(vmap(grad(g))(data.to("cuda"))), numbers(vmap(grad(g))(data)));
}

TEST_F(DeviceTensor, LoopsAndBranches) {
  const auto loop = [](const Tensor& x) {
    return fori_loop(
        0, 4, [](const Tensor& i, const Tensor& y) { return y * 1.5 + i.astype(f64); }, x);
  };
  const Tensor x = tensor({1.0, 2.0}).to("cuda");
  EXPECT_EQ(numbers(loop(x)), numbers(loop(x.to("cpu"))));
  const auto both = [](const Tensor& x) {
    return cond(
        sum(x) > 0, [](const Tensor& y) { return y * 2; }, [](const Tensor& y) { return -y; }, x);
  };
  EXPECT_EQ(numbers(both(x)), numbers(both(x.to("cpu"))));
  EXPECT_EQ(numbers(both(-x)), numbers(both(-x.to("cpu"))));
}

// With a history they would join no device by themselves.
TEST_F(DeviceTensor, ResultsMadeFromNumbersAloneAreWhereTheOperandsAre) {
  const auto ones = [](const Tensor& c, const Tensor&) { return std::pair(c, full({2}, 1.0)); };
  const auto scanned = [&](const Tensor& x) { return sum(x * scan(ones, x, x).second); };
  const auto branched = [](const Tensor& x) {
    return sum(x * cond(
                       sum(x) > 0, [](const Tensor&) { return full({2}, 3.0); },
                       [](const Tensor& y) { return y; }, x));
  };
  const auto ruled = [](const Tensor& x) {
    return sum(x * custom_jvp([](const Tensor&) { return full({2}, 3.0); },
                              [](const Tensor&, const Tensor&, const Tensor& v) { return v; })(x));
  };
  const Tensor x = tensor({1.0, 2.0}), there = x.to("cuda");
  const Tensor made = scan(ones, zeros({2}), zeros({2})).second;
  EXPECT_EQ(numbers(there * made), numbers(x * made));
  EXPECT_EQ(numbers(grad(scanned)(there)), numbers(grad(scanned)(x)));
  EXPECT_EQ(numbers(grad(branched)(there)), numbers(grad(branched)(x)));
  EXPECT_EQ(numbers(grad(ruled)(there)), numbers(grad(ruled)(x)));
}

TEST_F(DeviceTensor, WhatRunsOnTheHostIsCounted) {
  const int64_t before = device_stats().host_operators;
  sort(data.to("cuda"), 1);
  EXPECT_GT(device_stats().host_operators, before);
  EXPECT_NE(device_stats().host_operator_names.find("sort"), std::string::npos);
}

TEST_F(DeviceTensor, ModulesAndOptimisersMove) {
  const auto train = [](const std::string& where) {
    const random::Scope scope(random::key(3));
    nn::Sequential net{nn::Linear(3, 4), nn::Tanh(), nn::Linear(4, 1)};
    optim::Adam adam(net, {.lr = 0.1});
    const Tensor x = data.to(where), y = tensor({{1.0}, {2.0}}).to(where);
    for (int step = 0; step < 4; ++step) {
      if (step == 1) { // with moments already
        net.to(where);
        adam.to(where);
      }
      const std::string now = step == 0 ? "cpu" : where;
      adam.zero_grad();
      mean(square(net(x.to(now)) - y.to(now))).backward();
      adam.step();
    }
    for (const auto& [name, tensor] : net.named_parameters())
      EXPECT_EQ(tensor.device(), where) << name;
    return net.at("0.weight")->to_vector<double>();
  };
  EXPECT_EQ(train("cuda"), train("cpu"));
}

TEST_F(DeviceTensor, NothingIsLeftBehind) {
  synchronize();
  const int64_t before = device_stats().current_bytes;
  {
    const Tensor x = data.to("cuda").requires_grad_();
    sum(exp(x)).backward();
  }
  EXPECT_EQ(device_stats().current_bytes, before);
}

} // namespace
