// Keys: seeds, splitting, and the scopes that hand keys out in order. Draws no numbers.
#include "frontend/RandomKeys.h"

#include "frontend/Ops.h"

#include <bit>
#include <mutex>

namespace diptych {

using detail::located;
using detail::misuse;

namespace random {

namespace {

// Streams 0 and 1 belong to draws: see Random.h.
constexpr int64_t kSplitStream = 2, kFoldStream = 3;

struct Generator {
  std::mutex mutex;
  uint64_t seed = 0;
  uint64_t position = 0;
};

Generator& generator() {
  static Generator instance;
  return instance;
}

Scope*& innermost() {
  static thread_local Scope* scope = nullptr;
  return scope;
}

Tensor keyAt(const Tensor& key, uint64_t position) {
  return philox(key, std::bit_cast<int64_t>(position), kFoldStream);
}

const Tensor& keyTensor(const char* op, const Arg& arg, bool single) {
  const bool fits =
      arg.tensor() && arg.tensor()->dtype() == DType::i64 && (!single || arg.tensor()->rank() == 0);
  if (!fits)
    misuse(op, single ? "a key, i64[]" : "a key, or keys, of i64",
           arg.tensor() ? arg.tensor()->type().str() : "a number",
           arg.tensor() && arg.tensor()->dtype() == DType::i64
               ? "choose one with select, or map over them with vmap"
               : "make one of a seed with random::key");
  return *arg.tensor();
}

} // namespace

const Tensor& keyOf(const char* op, const Arg& key) { return keyTensor(op, key, true); }

Tensor key(uint64_t seed, SourceLocation where) {
  return full({}, std::bit_cast<int64_t>(seed), DType::i64, where);
}

Tensor split(const Arg& arg, int64_t count) {
  return located(arg.where(), [&] {
    const Tensor& key = keyOf("split", arg);
    if (count < 0)
      misuse("split", "a count that is not negative", std::to_string(count), "check the count");
    return philox(key, arange(count), kSplitStream);
  });
}

Tensor fold_in(const Arg& arg, const Arg& data) {
  return located(arg.where(), [&] {
    const Tensor& key = keyTensor("fold_in", arg, false);
    const Tensor number = detail::tensorOf(data);
    if (!isInteger(number.dtype()))
      misuse("fold_in", "an integer, i32 or i64", number.type().str(),
             "count something: steps, examples, layers");
    return philox(key, number.astype(DType::i64), kFoldStream);
  });
}

//===-- Keys in order ------------------------------------------------------------------------===//

Scope::Scope(const Arg& key)
    : Scope(located(key.where(), [&] { return keyOf("RandomScope", key); }), 0) {}

Scope::Scope(Tensor key, uint64_t position)
    : key_(std::move(key)), position_(position), outer_(innermost()) {
  innermost() = this;
}

Scope::~Scope() { innermost() = outer_; }

std::optional<Position> KeySource::position() {
  if (const Scope* scope = innermost())
    return Position{scope->key_, scope->position_};
  if (!detail::emitsEagerly())
    return {};
  Generator& source = generator();
  const std::scoped_lock lock(source.mutex);
  return Position{key(source.seed), source.position};
}

Tensor KeySource::next(const char* what) {
  if (Scope* scope = innermost()) {
    const Tensor next = keyAt(scope->key_, scope->position_);
    // An eager key would be a constant of the program.
    if (next.is_traced() && !scope->key_.is_traced())
      misuse(what, "a key that is an argument of the traced function",
             "a key from outside of it, so that the numbers would be the same at every call",
             "pass the key in, and make the nn::RandomScope inside the function");
    ++scope->position_;
    return next;
  }
  if (!detail::emitsEagerly())
    misuse(what, "a key for its random numbers",
           "a traced function, which would draw the same ones at every call, and no "
           "nn::RandomScope",
           "pass a key to the function and begin it with nn::RandomScope scope(key); or draw "
           "outside and pass the numbers in; a module in eval() draws none");
  uint64_t seed, position;
  {
    Generator& source = generator();
    const std::scoped_lock lock(source.mutex);
    seed = source.seed;
    position = source.position++;
  }
  return keyAt(key(seed), position);
}

Tensor next_key(const char* what, SourceLocation where) {
  return located(where, [&] { return KeySource::next(what); });
}

} // namespace random

void manual_seed(uint64_t seed) {
  random::Generator& source = random::generator();
  const std::scoped_lock lock(source.mutex);
  source.seed = seed;
  source.position = 0;
}

} // namespace diptych
